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
  const KeyRequest request = keys_for(*context, 4, {{1, 5}, {-3, 2}, {100, 0}}, 1);
  const auto keys = make_evaluation_keys(secret, request);
  EXPECT_EQ(keys.relinearisation.at(2).level, 4u);
  EXPECT_EQ(keys.relinearisation.at(2).b.size(), 3u);
  EXPECT_EQ(keys.galois.size(), 4u);
  EXPECT_EQ(keys.galois.at({3, 2}).level, 5u);
  EXPECT_EQ(keys.galois.at({context->rotation_element(-3), 2}).level, 2u);
  EXPECT_EQ(keys.galois.at({context->rotation_element(-3), 2}).b.size(), 2u);
  EXPECT_EQ(keys.galois.at({context->rotation_element(100), 2}).b.size(), 1u);
  EXPECT_EQ(keys.galois.at({context->conjugation_element(), 2}).level, 1u);
  for (const auto& [id, key] : keys.galois) {
    for (std::size_t d = 0; d < key.b.size(); ++d) {
      const auto a = sample_uniform(context->extended_basis(key.level), key.seed, d);
      ASSERT_TRUE(*key.b[d].basis() == *context->extended_basis(key.level));
      ASSERT_TRUE(std::equal(a.words().begin(), a.words().end(), key.a[d].words().begin())) << id.element;
    }
  }
  EXPECT_NO_THROW(require_keys(keys, request));
}

// Two rotations by amounts that differ by N/2 are one: the key must reach the higher level.
TEST(EvaluationKeys, AliasesShareAKey) {
  const auto context = make_context(small_set());
  const SecretKey secret(context);
  const auto slots = static_cast<int>(context->slots());
  const KeyRequest request = keys_for(*context, std::nullopt, {{5, 0}, {5 - slots, 1}});
  const auto keys = make_evaluation_keys(secret, request);
  ASSERT_EQ(keys.galois.size(), 1u);
  EXPECT_EQ(keys.galois.begin()->second.level, 1u);
  EXPECT_NO_THROW(require_keys(keys, request));
}

// Levels 0 and 2 use one special limb, 1 and 3 two, 4 and 5 three: a key each, up to the highest level asked for.
TEST(EvaluationKeys, LevelsOfDifferentSpecialLimbsHaveKeysOfTheirOwn) {
  const auto context = make_context(parameter_sets().back());
  ASSERT_EQ(context->literal().special_limbs, (std::vector<unsigned>{1, 2, 1, 2, 3, 3}));
  const SecretKey secret(context);
  KeyRequest request;
  for (unsigned level : {0u, 1u, 2u, 4u}) {
    request.want_relinearisation(context->literal(), level);
    request.want_rotation(context->literal(), 7, level);
  }
  request.want_rotation(context->literal(), 0, 5);
  EXPECT_EQ(request.relinearisation, (KeyRequest::Levels{{1, 2}, {2, 1}, {3, 4}}));
  EXPECT_EQ(request.rotations, (std::map<int, KeyRequest::Levels>{{7, {{1, 2}, {2, 1}, {3, 4}}}}));
  const auto keys = make_evaluation_keys(secret, request);
  ASSERT_EQ(keys.galois.size(), 3u);
  ASSERT_EQ(keys.relinearisation.size(), 3u);
  const std::uint32_t element = context->rotation_element(7);
  EXPECT_EQ(keys.galois.at({element, 1}).b.size(), 3u);
  EXPECT_EQ(keys.galois.at({element, 1}).b[0].limbs(), 4u);
  EXPECT_EQ(keys.galois.at({element, 2}).b.size(), 1u);
  EXPECT_EQ(keys.galois.at({element, 3}).b.size(), 2u);
  EXPECT_EQ(keys.galois.at({element, 3}).b[0].limbs(), 8u);
  EXPECT_NO_THROW(require_keys(keys, request));
  KeyRequest more = request;
  more.want_rotation(context->literal(), 7, 3);
  EXPECT_THROW(require_keys(keys, more), KeyMismatch);
  more = request;
  more.want_relinearisation(context->literal(), 5);
  EXPECT_THROW(require_keys(keys, more), KeyMismatch);
}

TEST(EvaluationKeys, RefusesWhatCanNotBe) {
  const auto context = make_context(small_set());
  const SecretKey secret(context);
  KeyRequest request;
  request.relinearisation = {{1, 2}};
  EXPECT_THROW(make_evaluation_keys(secret, request), InvalidArgument);
  request = {};
  request.rotations = {{0, {{1, 0}}}};
  EXPECT_THROW(make_evaluation_keys(secret, request), InvalidArgument);
  request.rotations = {{1, {{1, 2}}}};
  EXPECT_THROW(make_evaluation_keys(secret, request), InvalidArgument);
  request.rotations = {{1, {{2, 1}}}};  // level 1 uses one special limb, not two
  EXPECT_THROW(make_evaluation_keys(secret, request), InvalidArgument);
  EXPECT_THROW(request.want_rotation(context->literal(), 1, 2), InvalidArgument);
}

TEST(EvaluationKeys, MissingKeysAreNamed) {
  const auto context = make_context(small_set());
  const SecretKey secret(context);
  const KeyRequest have = keys_for(*context, std::nullopt, {{1, 0}});
  const auto keys = make_evaluation_keys(secret, have);
  KeyRequest want;
  EXPECT_NO_THROW(require_keys(keys, want));
  want.relinearisation = {{1, 0}};
  EXPECT_THROW(require_keys(keys, want), KeyMismatch);
  want = {};
  want.conjugation = {{1, 0}};
  EXPECT_THROW(require_keys(keys, want), KeyMismatch);
  want = {};
  want.rotations = {{2, {{1, 0}}}};
  EXPECT_THROW(require_keys(keys, want), KeyMismatch);
  want.rotations = {{1, {{1, 1}}}};
  EXPECT_THROW(require_keys(keys, want), KeyMismatch);
  want.rotations = {{1, {{1, 0}}}};
  EXPECT_NO_THROW(require_keys(keys, want));
}

}  // namespace
}  // namespace blindsight::ckks
