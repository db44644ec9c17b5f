#include "blindsight/ckks/key_switching.h"

#include <gtest/gtest.h>

#include "support.h"

namespace blindsight::ckks {
namespace {

/// Digits of one to four limbs, whole and partial; P as wide as a digit, wider, and narrower, where the key's own noise
/// drowns the rounding of the division by P; levels of different special limbs.
std::vector<ParameterSet> switching_sets() {
  return {{"Alpha1", 13, {40, 40, 40}, {50}, {}},
          {"Alpha1Narrow", 13, {50, 50, 50}, {36}, {}},
          {"Alpha2", 14, {50, 50, 50, 50, 50}, {50, 50}, {}},
          {"Alpha2Narrow", 14, {50, 50, 50, 50, 50}, {50, 36}, {}},
          {"Alpha3", 14, {50, 50, 50, 50, 50}, {50, 49, 48}, {}},
          {"Alpha3Narrow", 14, {50, 50, 50, 50}, {50, 48, 40}, {}},
          {"Alpha4", 14, {50, 40, 40, 40, 40}, {50, 50, 50, 50}, {}},
          {"Alpha4Narrow", 14, {50, 50, 50, 50}, {50, 50, 50, 38}, {}},
          {"ByLevel", 14, {48, 48, 48, 48, 48}, {50, 45, 50}, {1, 2, 1, 2, 3}}};
}

class KeySwitchingTest : public testing::TestWithParam<ParameterSet> {};
INSTANTIATE_TEST_SUITE_P(Sets, KeySwitchingTest, testing::ValuesIn(switching_sets()),
                         [](const auto& info) { return std::string(info.param.name); });

KeyRequest every_level(const Context& context) {
  KeyRequest request;
  for (unsigned level = 0; level <= context.max_level(); ++level) {
    request.want_relinearisation(context.literal(), level);
    request.want_rotation(context.literal(), 5, level);
  }
  return request;
}

// At every level, with keys of the highest level that shares its special limbs: the error's root mean square is the
// model's within a factor of four, no slot passes its bound, and all ways to rotate agree to the bit.
TEST_P(KeySwitchingTest, NoiseIsTheModels) {
  const Bench b(GetParam());
  const auto keys = make_evaluation_keys(b.secret, every_level(*b.context));
  const double scale = std::exp2(30);
  for (unsigned level = 0; level <= b.context->max_level(); ++level) {
    SCOPED_TRACE("level " + std::to_string(level));
    const auto a = b.encrypt(b.values(level), scale, level);
    const auto rotated = b.evaluator.rotate(a, 5, keys);
    const auto got = b.decrypt(rotated), expected = rotated_left(b.decrypt(a), 5);
    double squares = 0;
    for (std::size_t i = 0; i < got.size(); ++i) squares += (got[i] - expected[i]) * (got[i] - expected[i]);
    const double rms = std::sqrt(squares / static_cast<double>(got.size())) * scale;
    const double variance = b.noise.key_switch(level);
    const double model = std::sqrt(variance * static_cast<double>(b.context->n()) / 2);
    EXPECT_LT(rms, 4 * model);
    EXPECT_GT(rms, model / 4);
    expect_close(got, expected, b.noise.product_slot(variance) / scale);
    const auto hoisted = b.evaluator.rotate(b.evaluator.hoist(a), 5, keys);
    const auto extended = b.evaluator.mod_down(b.evaluator.rotate_extended(b.evaluator.hoist(a), 5, keys));
    for (std::size_t part : {0U, 1U}) {
      ASSERT_TRUE(std::equal(rotated.parts[part].words().begin(), rotated.parts[part].words().end(),
                             hoisted.parts[part].words().begin()));
      ASSERT_TRUE(std::equal(rotated.parts[part].words().begin(), rotated.parts[part].words().end(),
                             extended.parts[part].words().begin()));
    }
  }
}

TEST_P(KeySwitchingTest, RotationsAddUpInTheExtendedBasis) {
  const Bench b(GetParam());
  const auto keys = make_evaluation_keys(b.secret, every_level(*b.context));
  const auto& e = b.evaluator;
  for (unsigned level = 0; level <= b.context->max_level(); ++level) {
    auto x = e.extend(b.encrypt(b.values(1), std::exp2(30), level));
    auto used_up = x;
    auto hoisted = e.extend(b.encrypt(b.values(2), std::exp2(30), level));
    auto direct = hoisted;
    e.add_rotated(hoisted, x, e.hoist(x), 5, keys);
    e.add_rotated(direct, used_up, 5, keys);
    EXPECT_TRUE(std::equal(hoisted.body.words().begin(), hoisted.body.words().end(), direct.body.words().begin()));
    EXPECT_TRUE(std::equal(hoisted.mask.words().begin(), hoisted.mask.words().end(), direct.mask.words().begin()));
    const auto before = b.decrypt(e.mod_down(direct));
    e.add_rotated(direct, x, 0, keys);  // needs no key
    auto expected = b.decrypt(e.mod_down(x));
    for (std::size_t i = 0; i < expected.size(); ++i) expected[i] += before[i];
    EXPECT_LT(largest_difference(b.decrypt(e.mod_down(direct)), expected),
              2 * b.noise.product_slot(b.noise.division()) / x.scale);
  }
}

// The form of a key changes no bit, whichever way it is used.
TEST_P(KeySwitchingTest, PackedKeysGiveTheSameBits) {
  const Bench b(GetParam());
  const auto packed = make_evaluation_keys(b.secret, every_level(*b.context), KeyForm::kPacked);
  EvaluationKeys expanded{packed.context, {}, {}};
  for (const auto& [limbs, key] : packed.relinearisation) {
    ASSERT_TRUE(key.packed && key.b.empty() && key.a.empty());
    expanded.relinearisation.emplace(limbs, expand(key, *b.context));
  }
  for (const auto& [id, key] : packed.galois) expanded.galois.emplace(id, expand(key, *b.context));
  const auto same = [](const Ciphertext& x, const Ciphertext& y) {
    for (std::size_t part : {0U, 1U}) {
      if (!std::equal(x.parts[part].words().begin(), x.parts[part].words().end(), y.parts[part].words().begin())) {
        return false;
      }
    }
    return true;
  };
  for (unsigned level = 0; level <= b.context->max_level(); ++level) {
    const auto a = b.encrypt(b.values(level), std::exp2(30), level);
    EXPECT_TRUE(same(b.evaluator.rotate(a, 5, packed), b.evaluator.rotate(a, 5, expanded))) << level;
    const auto hoisted = b.evaluator.hoist(a);
    EXPECT_TRUE(same(b.evaluator.rotate(hoisted, 5, packed), b.evaluator.rotate(a, 5, expanded))) << level;
    EXPECT_TRUE(same(b.evaluator.mod_down(b.evaluator.rotate_extended(hoisted, 5, packed)),
                     b.evaluator.mod_down(b.evaluator.rotate_extended(hoisted, 5, expanded))))
        << level;
    auto x = b.evaluator.square(a), y = x;
    b.evaluator.relinearise_inplace(x, packed);
    b.evaluator.relinearise_inplace(y, expanded);
    EXPECT_TRUE(same(x, y)) << level;
  }
}

// On its own limbs a digit is its source, word for word.
TEST_P(KeySwitchingTest, DigitsAreTheirSource) {
  const Bench b(GetParam());
  const KeySwitcher switcher(b.context);
  for (unsigned level = 0; level <= b.context->max_level(); ++level) {
    const auto part = sample_uniform(b.context->basis(level), random_seed());
    const auto digits = switcher.decompose(part);
    ASSERT_EQ(digits.size(), b.context->digits(level));
    const std::size_t alpha = b.context->special_limbs(level);
    for (std::size_t d = 0; d < digits.size(); ++d) {
      ASSERT_TRUE(*digits[d].basis() == *b.context->extended_basis(level));
      for (std::size_t l = d * alpha; l < std::min<std::size_t>((d + 1) * alpha, level + 1); ++l) {
        ASSERT_TRUE(std::equal(part.limb(l), part.limb(l) + part.n(), digits[d].limb(l)));
      }
    }
  }
}

}  // namespace
}  // namespace blindsight::ckks
