#include <gtest/gtest.h>

#include <algorithm>
#include <bit>

#include "common.h"

namespace blindsight::ring {
namespace {

std::uint64_t evaluate(const Words& f, std::uint64_t x, const Modulus& q) {
  std::uint64_t y = 0;
  for (std::size_t j = f.size(); j-- > 0;) y = q.add(q.mul(y, x), f[j]);
  return y;
}

/// Slot i by definition, for a few slots at large degrees.
void expect_transform(const Words& before, const Words& after, const NttTables& t, const char* label) {
  const std::size_t stride = std::max<std::size_t>(1, t.n() / 64);
  for (std::size_t i = 0; i < t.n(); i += i + 1 < 16 ? 1 : stride)
    ASSERT_EQ(after[i], evaluate(before, t.modulus().pow(t.psi(), 2 * bit_reverse(i, t.log_n()) + 1), t.modulus()))
        << label << " n " << t.n() << " q " << t.modulus().value() << " slot " << i;
}

TEST(Ntt, DefinitionAndRoundTrip) {
  std::mt19937_64 random(1);
  for (std::size_t n = 16; n <= (1U << 16); n *= 2) {
    const auto primes = n <= 1024 ? edge_primes(n) : find_primes(50, n, 1);
    ASSERT_FALSE(primes.empty());
    for (const std::uint64_t prime : primes) {
      const NttTables t(n, Modulus(prime));
      const Words words = random_words(n, t.modulus(), random);
      Words expected;
      for (const Kernels* k : all_kernels()) {
        Words a = words;
        k->ntt_forward(a.data(), n, t);
        if (expected.empty()) {
          expect_transform(words, a, t, k->name.data());
          expected = a;
        }
        ASSERT_EQ(a, expected) << k->name << " n " << n << " q " << prime;
        k->ntt_inverse(a.data(), n, t);
        ASSERT_EQ(a, words) << k->name << " n " << n << " q " << prime;
      }
    }
  }
}

// A transform of fewer words than the tables' reads a prefix of the twiddles: the same as with tables of its own for
// the root ψ^(N/n), which need not be the minimal one.
TEST(Ntt, SmallerDegreesFromTheSameTables) {
  std::mt19937_64 random(4);
  for (const std::size_t full : {std::size_t{16}, std::size_t{64}, std::size_t{2048}, std::size_t{1} << 16}) {
    const NttTables t(full, Modulus(find_primes(50, full, 1)[0]));
    const Modulus& q = t.modulus();
    for (std::size_t n = 16; n <= full; n *= 2) {
      const Words words = random_words(n, q, random);
      const std::uint64_t root = q.pow(t.psi(), full / n);
      const auto log_n = static_cast<unsigned>(std::countr_zero(n));
      for (const Kernels* k : all_kernels()) {
        // Nothing beyond the n words is touched.
        Words a(n + 16, 7);
        std::copy(words.begin(), words.end(), a.begin());
        k->ntt_forward(a.data(), n, t);
        const std::size_t stride = std::max<std::size_t>(1, n / 16);
        for (std::size_t i = 0; i < n; i += i + 1 < 16 ? 1 : stride)
          ASSERT_EQ(a[i], evaluate(words, q.pow(root, 2 * bit_reverse(i, log_n) + 1), q))
              << k->name << " n " << n << " of " << full << " slot " << i;
        k->ntt_inverse(a.data(), n, t);
        ASSERT_TRUE(std::equal(words.begin(), words.end(), a.begin())) << k->name << " n " << n << " of " << full;
        for (std::size_t i = n; i < a.size(); ++i) ASSERT_EQ(a[i], 7U) << k->name << " n " << n << " word " << i;
      }
    }
  }
}

// Constant extremes drive lazy sums to their bounds.
TEST(Ntt, ExtremesStayExact) {
  for (const std::size_t n : {std::size_t{16}, std::size_t{512}, std::size_t{8192}, std::size_t{1} << 17}) {
    for (const unsigned bits : {49U, 50U}) {
      const NttTables t(n, Modulus(find_primes(bits, n, 1)[0]));
      const std::uint64_t q = t.modulus().value();
      for (int pattern = 0; pattern < 6; ++pattern) {
        Words words(n);
        for (std::size_t i = 0; i < n; ++i) {
          const std::uint64_t choices[] = {q - 1,
                                           q / 2,
                                           q / 2 + 1,
                                           i % 2 ? q - 1 : 0,
                                           i < n / 2 ? q / 2 : q / 2 + 1,
                                           t.modulus().mul(q / 2, t.shoup().words[i])};
          words[i] = choices[pattern];
        }
        Words forward, inverse;
        for (const Kernels* k : all_kernels()) {
          Words a = words, b = words;
          k->ntt_forward(a.data(), n, t);
          k->ntt_inverse(b.data(), n, t);
          if (forward.empty()) forward = a, inverse = b;
          ASSERT_EQ(a, forward) << k->name << " n " << n << " pattern " << pattern;
          ASSERT_EQ(b, inverse) << k->name << " n " << n << " pattern " << pattern;
          k->ntt_inverse(a.data(), n, t);
          ASSERT_EQ(a, words) << k->name;
          k->ntt_forward(b.data(), n, t);
          ASSERT_EQ(b, words) << k->name;
        }
      }
    }
  }
}

TEST(Ntt, NegacyclicConvolution) {
  std::mt19937_64 random(2);
  const std::size_t n = 256;
  for (const std::uint64_t prime : edge_primes(n)) {
    const NttTables t(n, Modulus(prime));
    const Modulus& q = t.modulus();
    const Words f = random_words(n, q, random), g = random_words(n, q, random);
    Words product(n, 0);
    for (std::size_t i = 0; i < n; ++i)
      for (std::size_t j = 0; j < n; ++j) {
        std::uint64_t& slot = product[(i + j) % n];
        slot = i + j < n ? q.add(slot, q.mul(f[i], g[j])) : q.sub(slot, q.mul(f[i], g[j]));
      }
    for (const Kernels* k : all_kernels()) {
      Words a = f, b = g;
      k->ntt_forward(a.data(), n, t);
      k->ntt_forward(b.data(), n, t);
      k->mul(a.data(), a.data(), b.data(), n, q);
      k->ntt_inverse(a.data(), n, t);
      ASSERT_EQ(a, product) << k->name << " q " << prime;
    }
  }
}

// At large degrees by a sparse factor: (c·X^s)·g is a signed shift.
TEST(Ntt, ConvolutionAtLargeDegrees) {
  std::mt19937_64 random(3);
  for (std::size_t n = 2048; n <= (1U << 16); n *= 2) {
    const NttTables t(n, Modulus(find_primes(50, n, 1)[0]));
    const Modulus& q = t.modulus();
    const Words g = random_words(n, q, random);
    Words f(n, 0), expected(n, 0);
    const std::size_t shift = random() % n;
    f[shift] = q.value() - 2;
    for (std::size_t i = 0; i < n; ++i) {
      const std::uint64_t v = q.mul(g[i], f[shift]);
      expected[(i + shift) % n] = i + shift < n ? v : q.neg(v);
    }
    for (const Kernels* k : all_kernels()) {
      Words a = f, b = g;
      k->ntt_forward(a.data(), n, t);
      k->ntt_forward(b.data(), n, t);
      k->mul(a.data(), a.data(), b.data(), n, q);
      k->ntt_inverse(a.data(), n, t);
      ASSERT_EQ(a, expected) << k->name << " n " << n;
    }
  }
}

}  // namespace
}  // namespace blindsight::ring
