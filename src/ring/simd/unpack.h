// Words packed without gaps, eight at a time: eight words of b bits are b bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "blindsight/ring/kernels.h"

namespace blindsight::ring {
namespace {

/// Where eight words of `bits` (1 .. 57) bits stand: in pairs, each within sixteen bytes.
struct Unpacking {
  explicit Unpacking(unsigned bits) : mask((std::uint64_t{1} << bits) - 1) {
    for (unsigned word = 0; word < 8; ++word) {
      const unsigned bit = word * bits;
      if (word % 2 == 0) pair[word / 2] = bit / 8;
      shift[word] = bit % 8;
      for (unsigned i = 0; i < 8; ++i) {
        shuffle[word * 8 + i] = static_cast<std::uint8_t>(bit / 8 - pair[word / 2] + i);
      }
    }
  }
  static constexpr std::size_t kPairBytes = 16;
  /// Bytes that the eight may read, from the first of theirs on.
  std::size_t reach() const { return pair[3] + kPairBytes; }

  std::uint64_t mask;
  alignas(64) std::uint64_t shift[8];
  alignas(64) std::uint8_t shuffle[64];  ///< eight bytes with the word in them, counted from its pair's first
  std::size_t pair[4];                   ///< first byte of each pair
};

/// Word number `word` of the eight at p.
inline std::uint64_t unpack_word(const std::uint8_t* p, const Unpacking& u, std::size_t word) {
  std::uint64_t window;
  std::memcpy(&window, p + u.pair[word / 2] + u.shuffle[word * 8], sizeof(window));
  return window >> u.shift[word] & u.mask;
}

template <typename P>
bool unpack(std::uint64_t* out, const std::uint8_t* in, unsigned bits, std::size_t n, std::uint64_t bound) {
  const Unpacking u(bits);
  const auto last = P::set(bound - 1), one = P::set(1);
  auto beyond = P::set(0);  // how many words are
  const auto eight = [&](std::uint64_t* to, const std::uint8_t* from) {
    for (std::size_t word = 0; word < 8; word += P::kLanes) {
      const auto x = P::unpack(from, u, word);
      P::store(to + word, x);
      beyond = P::add(beyond, P::where_above(x, last, one));
    }
  };
  const std::size_t bytes = n / 8 * bits;
  std::size_t i = 0, at = 0;
  for (; at + u.reach() <= bytes; i += 8, at += bits) {
    __builtin_prefetch(in + at + kUnpackAhead);
    eight(out + i, in + at);
  }
  for (; i < n; i += 8, at += bits) {  // no byte beyond the last may be read
    std::uint8_t padded[64 + Unpacking::kPairBytes] = {};
    std::memcpy(padded, in + at, bits);
    eight(out + i, padded);
  }
  alignas(64) std::uint64_t counts[P::kLanes];
  P::store(counts, beyond);
  std::uint64_t total = 0;
  for (const std::uint64_t count : counts) total += count;
  return total == 0;
}

}  // namespace
}  // namespace blindsight::ring
