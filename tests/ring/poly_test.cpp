#include "blindsight/ring/poly.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "blindsight/base/error.h"
#include "common.h"

namespace blindsight::ring {
namespace {

BasisPtr make_basis(std::size_t n, std::size_t limbs, unsigned bits = 50) {
  std::vector<Basis::Tables> tables;
  for (const std::uint64_t prime : find_primes(bits, n, limbs))
    tables.push_back(std::make_shared<NttTables>(n, Modulus(prime)));
  return std::make_shared<Basis>(std::move(tables));
}

template <Domain D>
Poly<D> random_poly(const BasisPtr& basis, std::mt19937_64& random) {
  Poly<D> p(basis);
  for (std::size_t i = 0; i < p.limbs(); ++i)
    std::ranges::copy(random_words(p.n(), basis->modulus(i), random), p.limb(i));
  return p;
}

bool same(const auto& a, const auto& b) { return std::ranges::equal(a.words(), b.words()); }

TEST(Basis, PrefixesAndEquality) {
  const BasisPtr three = make_basis(32, 3), two = make_basis(32, 2), other = make_basis(64, 2);
  EXPECT_TRUE(two->is_prefix_of(*three));
  EXPECT_FALSE(three->is_prefix_of(*two));
  EXPECT_FALSE(other->is_prefix_of(*three));
  EXPECT_TRUE(*two == *make_basis(32, 2));
  EXPECT_FALSE(*two == *three);
  EXPECT_THROW(Basis({}), InvalidArgument);
  EXPECT_THROW(Basis({nullptr}), InvalidArgument);
  EXPECT_THROW(Basis({two->shared_tables(0), other->shared_tables(0)}), InvalidArgument);
}

TEST(Poly, DomainsRoundTripAndReuseStorage) {
  std::mt19937_64 random(7);
  const BasisPtr basis = make_basis(64, 3);
  const CoeffPoly a = random_poly<Domain::kCoeff>(basis, random);
  CoeffPoly moved = a;
  const std::uint64_t* storage = moved.limb(0);
  EvalPoly e = to_eval(std::move(moved));
  EXPECT_EQ(e.limb(0), storage);
  EXPECT_TRUE(same(to_coeff(std::move(e)), a));
  EXPECT_THROW(to_eval(CoeffPoly{}), InvalidArgument);
  EXPECT_THROW(to_coeff(EvalPoly{}), InvalidArgument);
}

TEST(Poly, Arithmetic) {
  std::mt19937_64 random(8);
  const BasisPtr basis = make_basis(64, 3);
  const EvalPoly a = random_poly<Domain::kEval>(basis, random), b = random_poly<Domain::kEval>(basis, random);
  EvalPoly sum = a, difference = a, negated = a, product = a, fused = b;
  add_inplace(sum, b);
  sub_inplace(difference, b);
  negate_inplace(negated);
  mul_inplace(product, b);
  mul_add(fused, a, b);
  for (std::size_t l = 0; l < 3; ++l)
    for (std::size_t i = 0; i < 64; ++i) {
      const Modulus& q = basis->modulus(l);
      const std::uint64_t x = a.limb(l)[i], y = b.limb(l)[i];
      ASSERT_EQ(sum.limb(l)[i], q.add(x, y));
      ASSERT_EQ(difference.limb(l)[i], q.sub(x, y));
      ASSERT_EQ(negated.limb(l)[i], q.neg(x));
      ASSERT_EQ(product.limb(l)[i], q.mul(x, y));
      ASSERT_EQ(fused.limb(l)[i], q.add(y, q.mul(x, y)));
    }
  EvalPoly shorter(make_basis(64, 2)), empty;
  EXPECT_THROW(add_inplace(sum, shorter), InvalidArgument);
  EXPECT_THROW(mul_inplace(sum, shorter), InvalidArgument);
  EXPECT_THROW(mul_add(sum, a, shorter), InvalidArgument);
  EXPECT_THROW(negate_inplace(empty), InvalidArgument);
  EXPECT_THROW(EvalPoly(nullptr), InvalidArgument);
}

TEST(Poly, TruncateAndWipe) {
  std::mt19937_64 random(9);
  const BasisPtr three = make_basis(32, 3), two = make_basis(32, 2);
  const CoeffPoly a = random_poly<Domain::kCoeff>(three, random);
  CoeffPoly b = a;
  b.truncate(two);
  EXPECT_EQ(b.limbs(), 2U);
  EXPECT_TRUE(std::ranges::equal(b.words(), a.words().first(64)));
  EXPECT_THROW(b.truncate(three), InvalidArgument);
  EXPECT_THROW(b.truncate(nullptr), InvalidArgument);
  b.wipe();
  EXPECT_TRUE(std::ranges::all_of(b.words(), [](std::uint64_t w) { return w == 0; }));
}

TEST(Automorphism, EvaluationsAgreeWithCoefficients) {
  std::mt19937_64 random(10);
  for (const std::size_t n : {16U, 64U, 1024U}) {
    const BasisPtr basis = make_basis(n, 2);
    const CoeffPoly a = random_poly<Domain::kCoeff>(basis, random);
    for (const std::uint32_t g :
         {1U, 3U, 5U, 25U, static_cast<std::uint32_t>(2 * n - 1), static_cast<std::uint32_t>(n + 1)}) {
      const EvalPoly permuted = automorphism(to_eval(a), automorphism_index(n, g));
      EXPECT_TRUE(same(to_coeff(permuted), automorphism(a, g))) << n << " " << g;
    }
    for (const std::uint32_t bad : {0U, 2U, static_cast<std::uint32_t>(2 * n + 1)}) {
      EXPECT_THROW(automorphism_index(n, bad), InvalidArgument);
      EXPECT_THROW(automorphism(a, bad), InvalidArgument);
    }
    EXPECT_THROW(automorphism(to_eval(a), automorphism_index(2 * n, 3)), InvalidArgument);
  }
  EXPECT_THROW(automorphism_index(24, 5), InvalidArgument);
}

}  // namespace
}  // namespace blindsight::ring
