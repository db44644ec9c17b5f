#include "blindsight/ckks/evaluator.h"

#include <gtest/gtest.h>

#include <set>

#include "blindsight/base/error.h"
#include "support.h"

namespace blindsight::ckks {
namespace {

constexpr std::uint64_t kSeeds = 4;

std::vector<double> zip(std::span<const double> a, std::span<const double> b, double (*f)(double, double)) {
  std::vector<double> out(a.size());
  for (std::size_t i = 0; i < a.size(); ++i) out[i] = f(a[i], b[i]);
  return out;
}
double plus(double a, double b) { return a + b; }
double minus(double a, double b) { return a - b; }
double times(double a, double b) { return a * b; }

/// Keys to relinearise and to rotate by 1 and 3 at every level.
KeyRequest all_levels(const Context& context) {
  KeyRequest request;
  for (unsigned level = 0; level <= context.max_level(); ++level) {
    request.want_relinearisation(context.literal(), level);
    for (int k : {1, 3}) request.want_rotation(context.literal(), k, level);
  }
  return request;
}

// Values stay in [-1, 1]; e is the bound of a fresh ciphertext's slot error divided by the scale.
class EvaluatorTest : public testing::TestWithParam<ParameterSet> {
 protected:
  // f(bench, level, seed) for some secrets, at the top, a middle and the lowest level that f can work at.
  template <typename F>
  void for_cases(unsigned lowest, F&& f) {
    for (std::uint64_t seed = 0; seed < kSeeds; ++seed) {
      const Bench bench(GetParam());
      const unsigned top = bench.context->max_level();
      for (unsigned level : std::set<unsigned>{lowest, std::max(lowest, top / 2), top}) {
        SCOPED_TRACE("level " + std::to_string(level) + " seed " + std::to_string(seed));
        f(bench, level, seed);
      }
    }
  }
};
INSTANTIATE_TEST_SUITE_P(Sets, EvaluatorTest, testing::ValuesIn(parameter_sets()),
                         [](const auto& info) { return std::string(info.param.name); });

TEST_P(EvaluatorTest, AddSubtractNegate) {
  const double scale = std::exp2(28);
  for_cases(0, [&](const Bench& b, unsigned level, std::uint64_t seed) {
    const auto x = b.values(seed), y = b.values(seed + 1000);
    const auto cx = b.encrypt(x, scale, level), cy = b.encrypt(y, scale, level);
    const double bound = 2 * b.fresh() / scale;
    expect_close(b.decrypt(b.evaluator.add(cx, cy)), zip(x, y, plus), bound);
    expect_close(b.decrypt(b.evaluator.sub(cx, cy)), zip(x, y, minus), bound);
    auto negated = cx;
    b.evaluator.negate_inplace(negated);
    b.evaluator.add_inplace(negated, cx);
    for (double v : b.decrypt(negated)) ASSERT_EQ(v, 0);
  });
}

TEST_P(EvaluatorTest, SumsOfDifferentPartCounts) {
  const double scale = std::exp2(14);
  const Bench b(GetParam());
  const unsigned level = b.context->max_level();
  const auto x = b.values(1), y = b.values(2);
  const auto squared = b.evaluator.square(b.encrypt(x, scale, level));
  const auto cy = b.encrypt(y, scale * scale, level);
  const double e = b.fresh() / scale;
  const double bound = 2 * e + e * e + b.fresh() / (scale * scale);
  expect_close(b.decrypt(b.evaluator.add(cy, squared)), zip(zip(x, x, times), y, plus), bound);
  expect_close(b.decrypt(b.evaluator.add(squared, cy)), zip(zip(x, x, times), y, plus), bound);
  expect_close(b.decrypt(b.evaluator.sub(cy, squared)), zip(y, zip(x, x, times), minus), bound);
  expect_close(b.decrypt(b.evaluator.sub(squared, cy)), zip(zip(x, x, times), y, minus), bound);
}

TEST_P(EvaluatorTest, PlaintextOperations) {
  const double scale = std::exp2(20), weight_scale = std::exp2(13);
  for_cases(0, [&](const Bench& b, unsigned level, std::uint64_t seed) {
    const auto x = b.values(seed), y = b.values(seed + 1000);
    auto sum = b.encrypt(x, scale, level);
    b.evaluator.add_plain_inplace(sum, b.encoder.encode(y, scale, level));
    const double rounding = b.noise.slot(b.noise.rounding());
    const double e = b.fresh() / scale;
    expect_close(b.decrypt(sum), zip(x, y, plus), e + rounding / scale);
    auto product = b.encrypt(x, scale, level);
    b.evaluator.mul_plain_inplace(product, b.encoder.encode(y, weight_scale, level));
    EXPECT_EQ(product.scale, scale * weight_scale);
    const double r = rounding / weight_scale;
    expect_close(b.decrypt(product), zip(x, y, times), e + r + e * r);
  });
}

TEST_P(EvaluatorTest, MultiplyAndSquare) {
  const double scale = std::exp2(16);
  for_cases(0, [&](const Bench& b, unsigned level, std::uint64_t seed) {
    const auto x = b.values(seed), y = b.values(seed + 1000);
    const auto cx = b.encrypt(x, scale, level), cy = b.encrypt(y, scale, level);
    const double e = b.fresh() / scale;
    const auto product = b.evaluator.multiply(cx, cy), square = b.evaluator.square(cx);
    EXPECT_EQ(product.parts.size(), 3u);
    EXPECT_EQ(square.scale, scale * scale);
    expect_close(b.decrypt(product), zip(x, y, times), 2 * e + e * e);
    expect_close(b.decrypt(square), zip(x, x, times), 2 * e + e * e);
    const auto same = b.evaluator.multiply(cx, cx);
    for (std::size_t i = 0; i < 3; ++i) {
      ASSERT_TRUE(
          std::equal(same.parts[i].words().begin(), same.parts[i].words().end(), square.parts[i].words().begin()));
    }
  });
}

// Relinearising adds the key switch's noise and nothing else: compared with the three parts' own decryption.
TEST_P(EvaluatorTest, Relinearise) {
  const double scale = std::exp2(16);
  for_cases(0, [&](const Bench& b, unsigned level, std::uint64_t seed) {
    const auto x = b.values(seed);
    for (const auto& request : {keys_for(*b.context, level), all_levels(*b.context)}) {
      const auto keys = make_evaluation_keys(b.secret, request);
      auto a = b.evaluator.square(b.encrypt(x, scale, level));
      const auto before = b.decrypt(a);
      b.evaluator.relinearise_inplace(a, keys);
      EXPECT_EQ(a.parts.size(), 2u);
      EXPECT_EQ(a.scale, scale * scale);
      expect_close(b.decrypt(a), before, b.noise.product_slot(b.noise.key_switch(level)) / a.scale);
      const double e = b.fresh() / scale;
      expect_close(b.decrypt(a), zip(x, x, times),
                   2 * e + e * e + b.noise.product_slot(b.noise.key_switch(level)) / a.scale);
    }
  });
}

TEST_P(EvaluatorTest, Rescale) {
  for_cases(1, [&](const Bench& b, unsigned level, std::uint64_t seed) {
    const auto x = b.values(seed);
    const auto q = static_cast<double>(b.context->q(level).value());
    auto a = b.encrypt(x, std::exp2(20) * q, level);
    const auto before = b.decrypt(a);
    b.evaluator.rescale_inplace(a);
    EXPECT_EQ(a.level(), level - 1);
    EXPECT_DOUBLE_EQ(a.scale, std::exp2(20));
    expect_close(b.decrypt(a), before, b.noise.product_slot(b.noise.division()) / a.scale + 1e-12);
    expect_close(b.decrypt(a), x, (b.fresh() / q + b.noise.product_slot(b.noise.division())) / a.scale);
  });
}

TEST_P(EvaluatorTest, RescaleThreeParts) {
  const Bench b(GetParam());
  const auto x = b.values(3);
  const unsigned level = b.context->max_level();
  const double scale = std::exp2(26);
  auto a = b.evaluator.square(b.encrypt(x, scale, level));
  b.evaluator.rescale_inplace(a);
  // τ0 + τ1·s + τ2·s²: a coefficient of s² has a variance below N·(2/3)², and twice that for the few that meet twice.
  const auto n = static_cast<double>(b.context->n());
  const double rounding = (1 + n * 2 / 3 + 2 * n * n * 4 / 9) / 12;
  const double e = b.fresh() / scale;
  expect_close(b.decrypt(a), zip(x, x, times), 2 * e + e * e + b.noise.triple_product_slot(rounding) / a.scale);
}

TEST_P(EvaluatorTest, DroppingLevelsChangesNothing) {
  const double scale = std::exp2(25);
  const Bench b(GetParam());
  const auto x = b.values(3);
  auto a = b.encrypt(x, scale, b.context->max_level());
  const auto before = b.decrypt(a);
  for (unsigned level = b.context->max_level();; --level) {
    b.evaluator.drop_to_level_inplace(a, level);
    EXPECT_EQ(a.level(), level);
    EXPECT_LT(largest_difference(b.decrypt(a), before), 1e-12);
    if (level == 0) break;
  }
  EXPECT_THROW(b.evaluator.drop_to_level_inplace(a, 1), InvalidArgument);
}

TEST_P(EvaluatorTest, RotateAndHoistedRotate) {
  const double scale = std::exp2(24);
  for_cases(0, [&](const Bench& b, unsigned level, std::uint64_t seed) {
    const auto x = b.values(seed);
    const auto slots = static_cast<int>(b.context->slots());
    KeyRequest request;
    for (int k : {1, -1, 7, slots / 2, -slots / 4 + 1}) request.want_rotation(b.context->literal(), k, level);
    const auto keys = make_evaluation_keys(b.secret, request);
    const auto a = b.encrypt(x, scale, level);
    const double noise = b.noise.product_slot(b.noise.key_switch(level));
    const auto hoisted = b.evaluator.hoist(a);
    const auto before = b.decrypt(a);
    for (const auto& [k, unused] : request.rotations) {
      const auto plain = b.evaluator.rotate(a, k, keys);
      EXPECT_EQ(plain.scale, scale);
      EXPECT_EQ(plain.level(), level);
      expect_close(b.decrypt(plain), rotated_left(before, k), noise / scale);
      expect_close(b.decrypt(plain), rotated_left(x, k), (b.fresh() + noise) / scale);
      const auto fast = b.evaluator.rotate(hoisted, k, keys);
      expect_close(b.decrypt(fast), rotated_left(before, k), noise / scale);
    }
    const auto zero = b.evaluator.rotate(a, 0, keys);
    EXPECT_EQ(b.decrypt(zero), before);
  });
}

TEST_P(EvaluatorTest, AHigherKeyServesALowerLevel) {
  const double scale = std::exp2(24);
  const Bench b(GetParam());
  const auto x = b.values(9);
  const auto keys = make_evaluation_keys(b.secret, all_levels(*b.context));
  for (unsigned level = 0; level <= b.context->max_level(); ++level) {
    const auto a = b.encrypt(x, scale, level);
    expect_close(b.decrypt(b.evaluator.rotate(a, 3, keys)), rotated_left(x, 3),
                 (b.fresh() + b.noise.product_slot(b.noise.key_switch(level))) / scale);
  }
}

TEST_P(EvaluatorTest, Conjugate) {
  const double scale = std::exp2(24);
  const Bench b(GetParam());
  const unsigned level = b.context->max_level();
  const auto re = b.values(1), im = b.values(2);
  std::vector<std::complex<double>> z(re.size());
  for (std::size_t i = 0; i < z.size(); ++i) z[i] = {re[i], im[i]};
  const auto keys = make_evaluation_keys(b.secret, keys_for(*b.context, std::nullopt, {}, level));
  const auto a = expand(*b.context, encrypt(b.secret, b.encoder.encode(z, scale, level)));
  const auto got = b.encoder.decode_complex(decrypt(b.secret, b.evaluator.conjugate(a, keys)));
  const double bound = (b.fresh() + b.noise.product_slot(b.noise.key_switch(level))) / scale;
  for (std::size_t i = 0; i < z.size(); ++i) {
    ASSERT_NEAR(got[i].real(), re[i], bound);
    ASSERT_NEAR(got[i].imag(), -im[i], bound);
  }
}

TEST_P(EvaluatorTest, DotPlainIsTheSumOfTheProducts) {
  const double scale = std::exp2(18), weight_scale = std::exp2(12);
  for_cases(0, [&](const Bench& b, unsigned level, std::uint64_t seed) {
    for (std::size_t terms : {1ul, 2ul, 13ul}) {
      std::vector<Ciphertext> cts;
      std::vector<Plaintext> plains;
      std::vector<double> expected(b.context->slots());
      for (std::size_t t = 0; t < terms; ++t) {
        const auto x = b.values(seed * 100 + t), y = b.values(seed * 100 + t + 50);
        cts.push_back(b.encrypt(x, scale, level));
        plains.push_back(b.encoder.encode(y, weight_scale, level));
        expected = zip(expected, zip(x, y, times), plus);
      }
      std::vector<const Ciphertext*> a;
      std::vector<const Plaintext*> w;
      for (std::size_t t = 0; t < terms; ++t) {
        a.push_back(&cts[t]);
        w.push_back(&plains[t]);
      }
      const auto got = b.evaluator.dot_plain(a, w);
      EXPECT_EQ(got.scale, scale * weight_scale);
      const double e = b.fresh() / scale, r = b.noise.slot(b.noise.rounding()) / weight_scale;
      expect_close(b.decrypt(got), expected, static_cast<double>(terms) * (e + r + e * r));
      auto slow = cts[0];  // and word for word the sum of single products
      b.evaluator.mul_plain_inplace(slow, plains[0]);
      for (std::size_t t = 1; t < terms; ++t) {
        auto product = cts[t];
        b.evaluator.mul_plain_inplace(product, plains[t]);
        b.evaluator.add_inplace(slow, product);
      }
      for (std::size_t i = 0; i < 2; ++i) {
        ASSERT_TRUE(
            std::equal(slow.parts[i].words().begin(), slow.parts[i].words().end(), got.parts[i].words().begin()));
      }
    }
  });
}

// Square, relinearise, weigh, rescale, rotate, add: what a network's layer does, twice where the levels suffice.
TEST_P(EvaluatorTest, ALayer) {
  const Bench b(GetParam());
  const unsigned top = b.context->max_level();
  const auto keys = make_evaluation_keys(b.secret, all_levels(*b.context));
  auto x = b.values(11);
  const auto w = b.values(12);
  const double scale = std::exp2(24);
  auto a = b.encrypt(x, scale, top);
  a = b.evaluator.square(a);
  b.evaluator.relinearise_inplace(a, keys);
  b.evaluator.rescale_inplace(a);
  b.evaluator.add_inplace(a, b.evaluator.rotate(a, 1, keys));
  x = zip(x, x, times);
  x = zip(x, rotated_left(x, 1), plus);
  const double e = b.fresh() / scale;
  const double after = b.noise.product_slot(b.noise.division() + b.noise.key_switch(top) + b.noise.key_switch(top - 1));
  expect_close(b.decrypt(a), x, 2 * (2 * e + e * e + after / a.scale));
}

TEST(Evaluator, RefusesOtherLevelsScalesAndParts) {
  const Bench b(small_set());
  const auto x = b.values(1);
  auto high = b.encrypt(x, std::exp2(20), 1), low = b.encrypt(x, std::exp2(20), 0),
       other = b.encrypt(x, std::exp2(21), 1);
  const auto& e = b.evaluator;
  EXPECT_THROW(e.add(high, low), InvalidArgument);
  EXPECT_THROW(e.sub(high, low), InvalidArgument);
  EXPECT_THROW(e.multiply(high, low), InvalidArgument);
  EXPECT_THROW(e.add(high, other), InvalidArgument);
  EXPECT_THROW(e.sub(high, other), InvalidArgument);
  EXPECT_THROW(e.add_plain_inplace(high, b.encoder.encode(x, std::exp2(20), 0)), InvalidArgument);
  EXPECT_THROW(e.add_plain_inplace(high, b.encoder.encode(x, std::exp2(21), 1)), InvalidArgument);
  EXPECT_THROW(e.mul_plain_inplace(high, b.encoder.encode(x, std::exp2(20), 0)), InvalidArgument);
  EXPECT_THROW(e.rescale_inplace(low), InvalidArgument);
  const auto three = e.square(high);
  EXPECT_THROW(e.square(three), InvalidArgument);
  EXPECT_THROW(e.multiply(three, high), InvalidArgument);
  EXPECT_THROW(e.hoist(three), InvalidArgument);
  const auto keys = make_evaluation_keys(b.secret, keys_for(*b.context, 1, {{1, 1}}, 1));
  EXPECT_THROW(e.rotate(three, 1, keys), InvalidArgument);
  EXPECT_THROW(e.conjugate(three, keys), InvalidArgument);
  EXPECT_THROW(e.relinearise_inplace(high, keys), InvalidArgument);
  const auto p1 = b.encoder.encode(x, 1024, 1), p0 = b.encoder.encode(x, 1024, 0), p2 = b.encoder.encode(x, 2048, 1);
  const auto dot = [&](std::vector<const Ciphertext*> cts, std::vector<const Plaintext*> plains) {
    return e.dot_plain(cts, plains);
  };
  EXPECT_THROW(dot({}, {}), InvalidArgument);
  EXPECT_THROW(dot({&high}, {&p1, &p1}), InvalidArgument);
  EXPECT_THROW(dot({&high}, {&p0}), InvalidArgument);
  EXPECT_THROW(dot({&high, &low}, {&p1, &p0}), InvalidArgument);
  EXPECT_THROW(dot({&high, &high}, {&p1, &p2}), InvalidArgument);
  EXPECT_THROW(dot({&three}, {&p1}), InvalidArgument);
  EXPECT_NO_THROW(dot({&high, &high}, {&p1, &p1}));
}

TEST(Evaluator, AbsentKeysAreAMismatch) {
  const Bench b(small_set());
  const auto a = b.encrypt(b.values(1), std::exp2(20), 1);
  auto three = b.evaluator.square(a);
  const auto none = make_evaluation_keys(b.secret, {});
  EXPECT_THROW(b.evaluator.rotate(a, 1, none), KeyMismatch);
  EXPECT_THROW(b.evaluator.conjugate(a, none), KeyMismatch);
  EXPECT_THROW(b.evaluator.relinearise_inplace(three, none), KeyMismatch);
  const auto low = make_evaluation_keys(b.secret, keys_for(*b.context, 0, {{1, 0}}, 0));
  EXPECT_THROW(b.evaluator.rotate(a, 1, low), KeyMismatch);
  EXPECT_THROW(b.evaluator.conjugate(a, low), KeyMismatch);
  EXPECT_THROW(b.evaluator.relinearise_inplace(three, low), KeyMismatch);
  EXPECT_EQ(three.parts.size(), 3u);
}

TEST(Evaluator, KeysOfOtherParametersAreAMismatch) {
  const Bench b(parameter_sets()[1]), other(small_set());
  const auto keys = make_evaluation_keys(other.secret, keys_for(*other.context, 1, {{1, 1}}, 1));
  const auto a = b.encrypt(b.values(1), std::exp2(20), 1);
  auto three = b.evaluator.square(a);
  EXPECT_THROW(b.evaluator.rotate(a, 1, keys), KeyMismatch);
  EXPECT_THROW(b.evaluator.rotate(b.evaluator.hoist(a), 1, keys), KeyMismatch);
  EXPECT_THROW(b.evaluator.conjugate(a, keys), KeyMismatch);
  EXPECT_THROW(b.evaluator.relinearise_inplace(three, keys), KeyMismatch);
}

TEST(Evaluator, KeysOfAnotherSecretGiveNoise) {
  const Bench b(small_set()), other(small_set());
  const auto keys = make_evaluation_keys(other.secret, keys_for(*other.context, std::nullopt, {{1, 1}}));
  const auto x = b.values(1);
  const auto a = b.encrypt(x, std::exp2(20), 1);
  EXPECT_GT(largest_difference(b.decrypt(b.evaluator.rotate(a, 1, keys)), rotated_left(x, 1)), 1000);
}

}  // namespace
}  // namespace blindsight::ckks
