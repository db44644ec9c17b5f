#include <gtest/gtest.h>

#include <random>

#include "blindsight/ring/kernels.h"
#include "blindsight/ring/poly.h"

namespace blindsight::ring {
namespace {

TEST(Quick, Convolution) {
  for (std::size_t n : {16u, 32u, 64u, 128u, 1024u, 8192u}) {
    auto primes = find_primes(50, n, 1);
    Modulus q(primes[0]);
    NttTables t(n, q);
    std::mt19937_64 rng(1);
    AlignedVector<std::uint64_t> a(n), b(n), orig;
    for (auto& x : a) x = rng() % q.value();
    orig = a;
    for (const Kernels* k : available_kernels()) {
      a = orig;
      k->ntt_forward(a.data(), t);
      for (std::size_t i = 0; i < std::min<std::size_t>(n, 64); ++i) {
        std::size_t r = 0;
        for (unsigned s = 0; s < t.log_n(); ++s) r |= ((i >> s) & 1) << (t.log_n() - 1 - s);
        std::uint64_t x = q.pow(t.psi(), 2 * r + 1), y = 0;
        for (std::size_t j = n; j-- > 0;) y = q.add(q.mul(y, x), orig[j]);
        ASSERT_EQ(a[i], y) << k->name << " " << n << " " << i;
      }
      k->ntt_inverse(a.data(), t);
      ASSERT_EQ(a, orig) << k->name << n;
    }
  }
}

}  // namespace
}  // namespace blindsight::ring
