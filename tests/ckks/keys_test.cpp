#include "blindsight/ckks/keys.h"

#include <gtest/gtest.h>

#include "blindsight/base/error.h"
#include "support.h"

namespace blindsight::ckks {
namespace {

std::vector<std::int64_t> small_coefficients(const ring::EvalPoly& poly) {
  const auto coeffs = ring::to_coeff(poly);
  std::vector<std::int64_t> out(poly.n());
  for (std::size_t i = 0; i < out.size(); ++i) {
    out[i] = coeffs.basis()->modulus(0).to_signed(coeffs.limb(0)[i]);
    for (std::size_t l = 1; l < coeffs.limbs(); ++l) {
      EXPECT_EQ(coeffs.basis()->modulus(l).to_signed(coeffs.limb(l)[i]), out[i]);
    }
  }
  return out;
}

TEST(SecretKey, IsTernaryOverAllPrimesAndFreshEveryTime) {
  for (const auto& set : parameter_sets()) {
    const auto context = make_context(set);
    const SecretKey a(context), b(context);
    EXPECT_EQ(a.poly().limbs(), context->max_level() + 1 + context->special_limbs());
    const auto coefficients = small_coefficients(a.poly());
    const auto given = a.coefficients();
    ASSERT_EQ(given.size(), context->n());
    double zeros = 0;
    for (std::size_t i = 0; i < given.size(); ++i) {
      ASSERT_EQ(coefficients[i], given[i]);
      ASSERT_LE(std::abs(given[i]), 1);
      zeros += given[i] == 0;
    }
    const auto n = static_cast<double>(context->n());
    EXPECT_NEAR(zeros, n / 3, 8 * std::sqrt(n * 2 / 9));
    EXPECT_NE(given, b.coefficients());
  }
}

TEST(SecretKey, ComesBackFromItsCoefficients) {
  const auto context = make_context(small_set());
  const SecretKey a(context);
  auto coefficients = a.coefficients();
  const SecretKey b(context, coefficients);
  EXPECT_TRUE(std::equal(a.poly().words().begin(), a.poly().words().end(), b.poly().words().begin()));
  coefficients[5] = 2;
  EXPECT_THROW(SecretKey(context, coefficients), FormatError);
  coefficients[5] = -2;
  EXPECT_THROW(SecretKey(context, coefficients), FormatError);
  coefficients[5] = 0;
  coefficients.pop_back();
  EXPECT_THROW(SecretKey(context, coefficients), FormatError);
}

TEST(SecretKey, CanNotBeCopied) {
  static_assert(!std::is_copy_constructible_v<SecretKey> && !std::is_copy_assignable_v<SecretKey>);
  static_assert(std::is_move_constructible_v<SecretKey>);
}

TEST(SecretKey, WipeLeavesZeros) {
  const auto context = make_context(small_set());
  const SecretKey secret(context);
  auto poly = secret.poly();
  poly.wipe();
  EXPECT_TRUE(std::all_of(poly.words().begin(), poly.words().end(), [](std::uint64_t w) { return w == 0; }));
}

TEST(PublicKey, IsAnEncryptionOfZero) {
  for (const auto& set : parameter_sets()) {
    const auto context = make_context(set);
    const SecretKey secret(context);
    const auto key = make_public_key(secret);
    auto s = secret.poly();
    s.truncate(key.b.basis());
    auto error = sample_uniform(key.b.basis(), key.seed);
    ring::mul_inplace(error, s);
    ring::add_inplace(error, key.b);
    for (std::int64_t e : small_coefficients(error)) ASSERT_LE(std::abs(e), 6 * kErrorStdDev);
  }
}

TEST(EvaluationKeys, FollowTheRequest) {
  const auto context = make_context(parameter_sets()[3]);
  const SecretKey secret(context);
  KeyRequest request;
  request.relinearisation = 4;
  request.rotations = {{1, 5}, {-3, 2}, {100, 0}};
  request.conjugation = 1;
  const auto keys = make_evaluation_keys(secret, request);
  EXPECT_EQ(keys.relinearisation->level, 4u);
  EXPECT_EQ(keys.relinearisation->b.size(), 3u);
  EXPECT_EQ(keys.galois.size(), 4u);
  EXPECT_EQ(keys.galois.at(3).level, 5u);
  EXPECT_EQ(keys.galois.at(context->rotation_element(-3)).level, 2u);
  EXPECT_EQ(keys.galois.at(context->rotation_element(-3)).b.size(), 2u);
  EXPECT_EQ(keys.galois.at(context->rotation_element(100)).b.size(), 1u);
  EXPECT_EQ(keys.galois.at(context->conjugation_element()).level, 1u);
  for (const auto& [element, key] : keys.galois) {
    for (std::size_t d = 0; d < key.b.size(); ++d) {
      const auto a = sample_uniform(context->extended_basis(key.level), key.seed, d);
      ASSERT_TRUE(*key.b[d].basis() == *context->extended_basis(key.level));
      ASSERT_TRUE(std::equal(a.words().begin(), a.words().end(), key.a[d].words().begin())) << element;
    }
  }
  EXPECT_NO_THROW(require_keys(keys, request));
}

// Two rotations by amounts that differ by N/2 are one: the key must reach the higher level.
TEST(EvaluationKeys, AliasesShareAKey) {
  const auto context = make_context(small_set());
  const SecretKey secret(context);
  const auto slots = static_cast<int>(context->slots());
  KeyRequest request;
  request.rotations = {{5, 0}, {5 - slots, 1}};
  const auto keys = make_evaluation_keys(secret, request);
  ASSERT_EQ(keys.galois.size(), 1u);
  EXPECT_EQ(keys.galois.begin()->second.level, 1u);
  EXPECT_NO_THROW(require_keys(keys, request));
}

TEST(EvaluationKeys, RefusesWhatCanNotBe) {
  const auto context = make_context(small_set());
  const SecretKey secret(context);
  KeyRequest request;
  request.relinearisation = 2;
  EXPECT_THROW(make_evaluation_keys(secret, request), InvalidArgument);
  request = {};
  request.rotations = {{0, 0}};
  EXPECT_THROW(make_evaluation_keys(secret, request), InvalidArgument);
  request.rotations = {{1, 2}};
  EXPECT_THROW(make_evaluation_keys(secret, request), InvalidArgument);
}

TEST(EvaluationKeys, MissingKeysAreNamed) {
  const auto context = make_context(small_set());
  const SecretKey secret(context);
  KeyRequest have;
  have.rotations = {{1, 0}};
  const auto keys = make_evaluation_keys(secret, have);
  KeyRequest want;
  EXPECT_NO_THROW(require_keys(keys, want));
  want.relinearisation = 0;
  EXPECT_THROW(require_keys(keys, want), KeyMismatch);
  want = {};
  want.conjugation = 0;
  EXPECT_THROW(require_keys(keys, want), KeyMismatch);
  want = {};
  want.rotations = {{2, 0}};
  EXPECT_THROW(require_keys(keys, want), KeyMismatch);
  want.rotations = {{1, 1}};
  EXPECT_THROW(require_keys(keys, want), KeyMismatch);
  want.rotations = {{1, 0}};
  EXPECT_NO_THROW(require_keys(keys, want));
}

}  // namespace
}  // namespace blindsight::ckks
