#pragma once

#include <cstdint>
#include <random>
#include <vector>

#include "blindsight/ring/kernels.h"

namespace blindsight::ring {

/// The IFMA kernels over their scalar model; declared here because only tests want them.
const Kernels& ifma_model_kernels();

using Words = AlignedVector<std::uint64_t>;

/// Every table that runs here, and the model of the one that perhaps does not.
inline std::vector<const Kernels*> all_kernels() {
  std::vector<const Kernels*> all(available_kernels().begin(), available_kernels().end());
  all.push_back(&ifma_model_kernels());
  return all;
}

/// Random words with the edges (0, 1, q/2 and its neighbours, q - 1) strewn in.
inline Words random_words(std::size_t n, const Modulus& q, std::mt19937_64& random) {
  const std::uint64_t edges[] = {0, 1, q.value() - 1, q.value() - 2, q.value() / 2, q.value() / 2 + 1};
  Words words(n);
  for (std::uint64_t& w : words) w = random() % 4 == 0 ? edges[random() % 6] : random() % q.value();
  return words;
}

inline std::size_t bit_reverse(std::size_t k, unsigned bits) {
  std::size_t r = 0;
  for (unsigned i = 0; i < bits; ++i) r |= ((k >> i) & 1) << (bits - 1 - i);
  return r;
}

/// The smallest and largest NTT primes of 20 to 50 bits for degree n. Nothing where there is none.
inline std::vector<std::uint64_t> edge_primes(std::size_t n) {
  std::vector<std::uint64_t> primes;
  for (const unsigned bits : {20U, 25U, 26U, 31U, 32U, 33U, 40U, 49U, 50U}) {
    const std::uint64_t low = std::uint64_t{1} << (bits - 1), step = 2 * n;
    std::uint64_t smallest = low + 1;
    while (smallest < 2 * low && !is_prime(smallest)) smallest += step;
    if (low % step == 0 && smallest < 2 * low) {
      primes.push_back(smallest);
      primes.push_back(find_primes(bits, n, 1)[0]);
    }
  }
  return primes;
}

}  // namespace blindsight::ring
