#include "blindsight/ring/modulus.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "blindsight/base/error.h"
#include "blindsight/ring/ntt_tables.h"

namespace blindsight::ring {
namespace {

TEST(Modulus, RefusesWhatIsNoWordPrime) {
  for (const std::uint64_t bad : {0ULL, 1ULL, 2ULL, 4ULL, 1ULL << 49, (1ULL << 50) + 1, ~0ULL})
    EXPECT_THROW(Modulus{bad}, InvalidArgument) << bad;
  EXPECT_EQ(Modulus(3).bits(), 2U);
  EXPECT_EQ(Modulus((1ULL << 50) - 27).bits(), 50U);
}

TEST(Modulus, Arithmetic) {
  const Modulus q(97);
  EXPECT_EQ(q.pow(5, 96), 1U);
  EXPECT_EQ(q.pow(5, 0), 1U);
  for (std::uint64_t a = 1; a < 97; ++a) EXPECT_EQ(q.mul(a, q.inverse(a)), 1U);
  EXPECT_THROW(q.inverse(0), InvalidArgument);
  EXPECT_THROW(q.inverse(97), InvalidArgument);
  EXPECT_EQ(q.from_signed(-1), 96U);
  EXPECT_EQ(q.from_signed(-97), 0U);
  EXPECT_EQ(q.from_signed(INT64_MIN), q.neg(q.pow(2, 63)));
  EXPECT_EQ(q.to_signed(48), 48);
  EXPECT_EQ(q.to_signed(49), -48);
  EXPECT_EQ(q.neg(0), 0U);
}

TEST(Primes, KnownOnes) {
  std::vector<bool> composite(10000);
  for (std::size_t i = 2; i < composite.size(); ++i) {
    EXPECT_EQ(is_prime(i), !composite[i]) << i;
    for (std::size_t j = 2 * i; j < composite.size(); j += i) composite[j] = true;
  }
  EXPECT_FALSE(is_prime(0));
  EXPECT_FALSE(is_prime(1));
  EXPECT_TRUE(is_prime(18446744073709551557ULL));  // the largest below 2^64
  EXPECT_FALSE(is_prime(18446744073709551556ULL));
  EXPECT_FALSE(is_prime(3825123056546413051ULL));  // strong pseudoprime to the bases 2 .. 23
  EXPECT_FALSE(is_prime(3215031751ULL));           // to 2, 3, 5, 7
  EXPECT_TRUE(is_prime((1ULL << 61) - 1));
  EXPECT_FALSE(is_prime(1000003ULL * 1000033ULL));
}

TEST(Primes, FindPrimesFallsAndSkips) {
  const auto primes = find_primes(50, 1 << 16, 30);
  ASSERT_EQ(primes.size(), 30U);
  for (std::size_t i = 0; i < primes.size(); ++i) {
    EXPECT_TRUE(is_prime(primes[i]));
    EXPECT_EQ(primes[i] % (2U << 16), 1U);
    EXPECT_LT(primes[i], 1ULL << 50);
    if (i > 0) {
      EXPECT_LT(primes[i], primes[i - 1]);
    }
  }
  // None was passed over.
  std::size_t between = 0;
  for (std::uint64_t x = primes.back(); x < (1ULL << 50); x += 2U << 16) between += is_prime(x);
  EXPECT_EQ(between, primes.size());

  const auto rest = find_primes(50, 1 << 16, 29, std::span(primes).first(1));
  EXPECT_TRUE(std::equal(rest.begin(), rest.end(), primes.begin() + 1));
  EXPECT_TRUE(find_primes(30, 1024, 0).empty());
  EXPECT_THROW(find_primes(51, 1024, 1), InvalidArgument);
  EXPECT_THROW(find_primes(12, 1024, 5), InvalidArgument);
  EXPECT_THROW(find_primes(10, 1024, 1), InvalidArgument);
}

TEST(Primes, SmallestRootByExhaustion) {
  for (const auto& [prime, n] : {std::pair<std::uint64_t, std::size_t>{97, 16}, {257, 16}, {257, 128}, {12289, 2048}}) {
    const Modulus q(prime);
    std::uint64_t smallest = 0;
    for (std::uint64_t x = 2; smallest == 0; ++x)
      if (q.pow(x, n) == prime - 1) smallest = x;
    EXPECT_EQ(minimal_primitive_root(q, n), smallest) << prime << " " << n;
  }
  EXPECT_THROW(minimal_primitive_root(Modulus(97), 32), InvalidArgument);
  EXPECT_THROW(minimal_primitive_root(Modulus(97), 3), InvalidArgument);
}

TEST(Tables, RefuseWhatDoesNotFit) {
  const Modulus q(find_primes(50, 1 << 17, 1)[0]);
  EXPECT_NO_THROW(NttTables(16, q));
  for (const std::size_t bad : {std::size_t{0}, std::size_t{8}, std::size_t{24}, std::size_t{1} << 18})
    EXPECT_THROW(NttTables(bad, q), InvalidArgument) << bad;
  EXPECT_THROW(NttTables(64, Modulus(97)), InvalidArgument);
}

}  // namespace
}  // namespace blindsight::ring
