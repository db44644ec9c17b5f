#include "blindsight/ckks/linear_map.h"

#include <gtest/gtest.h>

#include <set>

#include "blindsight/base/error.h"
#include "support.h"

namespace blindsight::ckks {
namespace {

using Term = LinearMapPlan::Term;
using Vectors = std::vector<std::vector<double>>;

// The definition, on clear vectors.
Vectors evaluate(const LinearMapPlan& plan, std::span<const Diagonal> diagonals, const Vectors& x) {
  const auto slots = static_cast<int>(x[0].size());
  Vectors y(plan.outputs, std::vector<double>(x[0].size()));
  for (const Term& term : plan.terms) {
    const auto rotated = rotated_left(x[term.input], (term.baby + term.giant) % slots);
    for (std::size_t s = 0; s < rotated.size(); ++s) y[term.output][s] += diagonals[term.diagonal][s] * rotated[s];
    if (plan.paired == 0) continue;
    const auto other = rotated_left(x[term.input], (term.baby + term.giant + plan.paired) % slots);
    for (std::size_t s = 0; s < other.size(); ++s) y[term.output][s] += diagonals[term.partner][s] * other[s];
  }
  for (auto& out : y) {
    for (const int fold : plan.folds) {
      const auto rotated = rotated_left(out, fold);
      for (std::size_t s = 0; s < rotated.size(); ++s) out[s] += rotated[s];
    }
  }
  return y;
}

struct Case {
  LinearMapPlan plan;
  std::vector<Diagonal> diagonals;
};

EvaluationKeys keys_of(const Bench& b, const LinearMapPlan& plan, unsigned level) {
  KeyRequest request;
  for (const int k : rotations_of(plan, static_cast<std::uint32_t>(b.context->slots())))
    request.want_rotation(b.context->literal(), k, level);
  if (plan.paired != 0) request.want_conjugation(b.context->literal(), level);
  return make_evaluation_keys(b.secret, request);
}

double mean_square(std::span<const double> values) {
  double sum = 0;
  for (const double v : values) sum += v * v;
  return sum / static_cast<double>(values.size());
}

// Variance of a slot's error. Sums of independent errors, averaged over the slots.
double variance(const Bench& b, const Case& c, const Vectors& x, double scale, double weight_scale, unsigned level) {
  const double half_n = static_cast<double>(b.context->slots());
  const auto slots = static_cast<int>(b.context->slots());
  const double fresh = half_n * (b.noise.secret_key() + 2 * b.noise.rounding()) / (scale * scale);
  const double product_scale = scale * weight_scale;
  const double switched = half_n * (b.noise.key_switch(level) - b.noise.division());  // over Q·P
  const double divided = half_n * b.noise.division() / (product_scale * product_scale);
  const double rotated = switched / (scale * scale);
  const double step = switched / (product_scale * product_scale) + divided;
  const bool paired = c.plan.paired != 0;
  // Of pairs: the errors of imaginary parts count too, and those of the rotation into them; weights have half the
  // scale; what is added before the conjugate counts twice.
  const double input = paired ? 2 * fresh + rotated + half_n * b.noise.division() / (scale * scale) : fresh;
  double sum = 0;
  std::set<int> giants;
  for (const Term& term : c.plan.terms) {
    std::vector<const Diagonal*> pair{&c.diagonals[term.diagonal]};
    if (paired) pair.push_back(&c.diagonals[term.partner]);
    std::size_t period = 1;
    for (const Diagonal* diagonal : pair) period = std::max(period, diagonal->period());
    // Real slots double the variance of a coefficient's error in a slot; a period of its own below N/2 lowers it.
    const double encoding = (paired ? 4 : 1) * static_cast<double>(period) / 6 / (weight_scale * weight_scale);
    for (const Diagonal* diagonal : pair) {
      sum += mean_square(diagonal->values()) * (input + (term.baby % slots != 0 ? rotated : 0)) +
             mean_square(x[term.input]) * encoding;
    }
    giants.insert(term.giant);
  }
  giants.erase(0);
  sum /= c.plan.outputs;
  const double each = (paired ? 4 : 1) * step;
  sum += static_cast<double>(giants.size()) * each;
  for (std::size_t i = 0; i < c.plan.folds.size(); ++i) sum = 2 * sum + each;
  return sum + divided + (paired ? step : 0);
}

std::vector<Ciphertext> apply_both_ways(const Bench& b, const Case& c, const Vectors& x, double scale,
                                        double weight_scale, unsigned level) {
  const auto keys = keys_of(b, c.plan, level);
  std::vector<Ciphertext> inputs;
  std::vector<const Ciphertext*> pointers;
  std::vector<double> weight_scales;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double power = std::exp2(static_cast<double>(i));  // inputs of several scales
    inputs.push_back(b.encrypt(x[i], scale * power, level));
    weight_scales.push_back(weight_scale / power);
  }
  for (const auto& input : inputs) pointers.push_back(&input);
  const LinearMap cached(b.encoder, c.plan, c.diagonals, weight_scales, level, true);
  const LinearMap on_the_fly(b.encoder, c.plan, c.diagonals, weight_scales, level, false);
  auto y = cached.apply(b.evaluator, pointers, keys);
  const auto again = on_the_fly.apply(b.evaluator, pointers, keys);
  EXPECT_EQ(y.size(), again.size());
  for (std::size_t o = 0; o < y.size(); ++o) {
    EXPECT_EQ(y[o].scale, again[o].scale);
    for (std::size_t p = 0; p < 2; ++p) {
      EXPECT_TRUE(std::ranges::equal(y[o].parts[p].words(), again[o].parts[p].words())) << o;
    }
  }
  return y;
}

void expect_is_the_map(const Bench& b, const Case& c, unsigned level, std::uint64_t seed) {
  const double scale = std::exp2(20), weight_scale = std::exp2(13);
  Vectors x;
  for (std::uint32_t i = 0; i < c.plan.inputs; ++i) x.push_back(b.values(seed + i));
  const auto y = apply_both_ways(b, c, x, scale, weight_scale, level);
  const auto expected = evaluate(c.plan, c.diagonals, x);
  ASSERT_EQ(y.size(), expected.size());
  // The last input's weights have the smallest scale. In a slot the errors are products of two nearly normal numbers (a
  // digit's value with a key's error, a rounding error with the secret), whose tails are heavier than normal: the
  // largest of thousands is 5 to 8 standard deviations.
  const double last = std::exp2(static_cast<double>(c.plan.inputs) - 1);
  const double bound = 14 * std::sqrt(c.plan.outputs * variance(b, c, x, scale, weight_scale / last, level));
  for (std::size_t o = 0; o < y.size(); ++o) {
    EXPECT_NEAR(y[o].scale, scale * weight_scale, 1e-6 * y[o].scale);
    EXPECT_EQ(y[o].level(), level);
    const double error = largest_difference(b.decrypt(y[o]), expected[o]);
    EXPECT_LE(error, bound) << "output " << o;
    EXPECT_GT(error, 0);
  }
}

class LinearMapTest : public testing::TestWithParam<ParameterSet> {};
INSTANTIATE_TEST_SUITE_P(LinearMap, LinearMapTest, testing::ValuesIn(parameter_sets()),
                         [](const auto& info) { return std::string(info.param.name); });

TEST_P(LinearMapTest, RandomPlans) {
  const Bench b(GetParam());
  const auto slots = static_cast<int>(b.context->slots());
  std::mt19937_64 random(7);
  const auto pick = [&](int count) { return static_cast<int>(random() % static_cast<unsigned>(count)); };
  for (int round = 0; round < 12; ++round) {
    Case c;
    if (round >= 6) c.plan.paired = pick(2) ? slots / 2 >> pick(3) : pick(slots);
    c.plan.inputs = 1 + static_cast<unsigned>(pick(3));
    c.plan.outputs = 1 + static_cast<unsigned>(pick(3));
    // Rotations of every size and both signs; sometimes only babies, only giants.
    std::vector<int> babies{0}, giants{0};
    for (int i = 0; i < 3 * (round != 1); ++i) babies.push_back(pick(2) ? pick(slots) : -pick(8));
    for (int i = 0; i < 2 * (round != 2); ++i) giants.push_back(pick(2) ? pick(slots) : -64 * pick(8));
    for (int period = 1; period <= slots; period *= 1 << (1 + pick(4)))
      c.diagonals.emplace_back(random_values(static_cast<std::size_t>(period), random()));
    if (round % 2 == 0) c.plan.folds.assign({16, -32, slots / 2});
    for (std::uint32_t o = 0; o < c.plan.outputs; ++o) {
      for (int t = 0; t < 6; ++t) {
        c.plan.terms.push_back({static_cast<std::uint32_t>(pick(static_cast<int>(c.plan.inputs))), o,
                                babies[static_cast<std::size_t>(pick(static_cast<int>(babies.size())))],
                                giants[static_cast<std::size_t>(pick(static_cast<int>(giants.size())))],
                                static_cast<std::uint32_t>(pick(static_cast<int>(c.diagonals.size()))),
                                static_cast<std::uint32_t>(pick(static_cast<int>(c.diagonals.size())))});
      }
    }
    for (const unsigned level : std::set<unsigned>{0, 1, b.context->max_level()}) {
      if (b.context->log_q(level) < 45) continue;  // no room for the result's scale
      SCOPED_TRACE("round " + std::to_string(round) + " level " + std::to_string(level));
      expect_is_the_map(b, c, level, random());
    }
  }
}

// Every period by itself, with a baby and a giant step.
TEST_P(LinearMapTest, EveryPeriod) {
  const Bench b(GetParam());
  for (std::size_t period = 1; period <= b.context->slots(); period *= 2) {
    Case c;
    for (int i = 0; i < 4; ++i) c.diagonals.emplace_back(random_values(period, period + static_cast<std::uint64_t>(i)));
    c.plan.terms = {{0, 0, 0, 0, 0}, {0, 0, 1, 0, 1}, {0, 0, 0, 5, 2}, {0, 0, 1, 5, 3}};
    SCOPED_TRACE("period " + std::to_string(period));
    expect_is_the_map(b, c, b.context->max_level(), period);
  }
}

// Keys of a higher level, packed (the step that is taken three times is expanded for the map, the others never are) and
// expanded: the same words.
TEST_P(LinearMapTest, PackedKeysServeAsExpandedOnesDo) {
  const Bench b(GetParam());
  const ParametersLiteral& literal = b.context->literal();
  const auto slots = static_cast<std::uint32_t>(b.context->slots());
  const unsigned level = 0;
  unsigned top = b.context->max_level();
  while (literal.special_limbs_at(top) != literal.special_limbs_at(level)) --top;
  Case c;
  for (const int giant : {0, 64, 128, 192, 1000}) {
    for (int baby = 0; baby < 3; ++baby) {
      c.plan.terms.push_back({0, 0, baby, giant, static_cast<std::uint32_t>(c.diagonals.size())});
      c.diagonals.emplace_back(b.values(100 + c.diagonals.size()));
    }
  }
  EXPECT_EQ(rotations_of(c.plan, slots), (std::vector<int>{1, 2, 64, 808}));
  KeyRequest request;
  for (const int k : rotations_of(c.plan, slots)) request.want_rotation(literal, k, top);
  const EvaluationKeys packed = make_evaluation_keys(b.secret, request, KeyForm::kPacked);
  EvaluationKeys expanded = packed;
  for (auto& [id, key] : expanded.galois) {
    EXPECT_TRUE(key.packed);
    key = expand(key, *b.context);
  }
  const auto x = b.values(1);
  const Ciphertext input = b.encrypt(x, std::exp2(20), level);
  const Ciphertext* const inputs[] = {&input};
  const LinearMap map(b.encoder, c.plan, c.diagonals, {std::exp2(10)}, level, true);
  const auto one = map.apply(b.evaluator, inputs, packed), other = map.apply(b.evaluator, inputs, expanded);
  for (std::size_t p = 0; p < 2; ++p) {
    EXPECT_TRUE(std::ranges::equal(one[0].parts[p].words(), other[0].parts[p].words()));
  }
  const double bound = 14 * std::sqrt(variance(b, c, {x}, input.scale, std::exp2(10), level));
  EXPECT_LE(largest_difference(b.decrypt(one[0]), evaluate(c.plan, c.diagonals, {x})[0]), bound);
}

// The error is what the noise model says, not only below a bound: for programs' margins rest on it.
class LinearMapError : public testing::TestWithParam<bool> {};
INSTANTIATE_TEST_SUITE_P(LinearMap, LinearMapError, testing::Bool(),
                         [](const auto& info) { return info.param ? "Paired" : "Single"; });

TEST_P(LinearMapError, IsAsPredicted) {
  const Bench b(parameter_sets()[4]);
  const auto slots = b.context->slots();
  for (const std::size_t period : {std::size_t{8}, std::size_t{256}, slots}) {
    for (const double weight_scale : {std::exp2(10), std::exp2(20)}) {
      Case c;
      if (GetParam()) c.plan.paired = static_cast<int>(slots / 2);
      for (int baby = 0; baby < 4; ++baby) {
        for (int giant = 0; giant < 4; ++giant) {
          const auto d = static_cast<std::uint32_t>(c.diagonals.size());
          c.plan.terms.push_back({0, 0, baby, 64 * giant, d, 15 - d});
          c.diagonals.emplace_back(random_values(period, c.diagonals.size()));
        }
      }
      const Vectors x{b.values(1)};
      const double scale = std::exp2(25);
      const auto y = apply_both_ways(b, c, x, scale, weight_scale, b.context->max_level());
      auto error = b.decrypt(y[0]);
      const auto expected = evaluate(c.plan, c.diagonals, x)[0];
      for (std::size_t s = 0; s < slots; ++s) error[s] -= expected[s];
      const double ratio =
          std::sqrt(mean_square(error) / variance(b, c, x, scale, weight_scale, b.context->max_level()));
      // A weight of period 8 has 8 rounding errors in all.
      EXPECT_GT(ratio, period == 8 ? 0.6 : 0.9) << "period " << period << " scale " << weight_scale;
      EXPECT_LT(ratio, period == 8 ? 1.5 : 1.1) << "period " << period << " scale " << weight_scale;
    }
  }
}

TEST(LinearMap, ATermWithoutRotationsNeedsNoKeys) {
  const Bench b(small_set());
  Case c;
  c.diagonals.emplace_back(b.values(1));
  c.diagonals.emplace_back(b.values(2));
  c.plan.terms = {{0, 0, 0, 0, 0}, {1, 0, 0, 0, 1}, {0, 1, 0, 0, 1}};
  c.plan.inputs = c.plan.outputs = 2;
  EXPECT_TRUE(rotations_of(c.plan, 2048).empty());
  expect_is_the_map(b, c, 1, 3);
  // No key switch, no division: with weights that are integers at the scale, the error is the input's.
  const LinearMapPlan one{.terms = {{0, 0, 0, 0, 0}}};
  const std::vector<Diagonal> diagonals{Diagonal(std::vector<double>{1})};
  const LinearMap map(b.encoder, one, diagonals, {1024}, 1, false);
  const auto x = b.encrypt(b.values(4), std::exp2(20), 1);
  const Ciphertext* input = &x;
  const auto y = map.apply(b.evaluator, {&input, 1}, make_evaluation_keys(b.secret, {}));
  EXPECT_LT(largest_difference(b.decrypt(y[0]), b.decrypt(x)), 1e-12);
}

TEST(LinearMap, FoldsMayBeAsLongAsTheSlots) {
  const Bench b(small_set());
  Case c;
  c.diagonals.emplace_back(b.values(1));
  c.plan.terms = {{0, 0, 0, 0, 0}};
  c.plan.folds = {1024, 1024, -2048 + 5};
  EXPECT_EQ(rotations_of(c.plan, 2048), (std::vector<int>{5, 1024}));
  expect_is_the_map(b, c, 1, 3);
}

TEST(LinearMap, RotationsOfAPlan) {
  LinearMapPlan plan;
  plan.terms = {{0, 0, 0, 0, 0}, {0, 0, -1, 0, 1}, {0, 0, 1, -16, 2}, {0, 0, 2049, 0, 2}};
  plan.folds = {64, 128, 0};
  EXPECT_EQ(rotations_of(plan, 2048), (std::vector<int>{1, 64, 128, 192, 2032, 2047}));
}

TEST(LinearMap, EncodedBytes) {
  const Bench b(parameter_sets()[4]);  // three special limbs
  const auto slots = b.context->slots();
  Case c;
  c.diagonals.emplace_back(b.values(1));
  c.diagonals.emplace_back(random_values(64, 2));
  c.diagonals.emplace_back(std::vector<double>{0.5});
  c.plan.terms = {{0, 0, 0, 0, 0}};
  const auto bytes = [&](unsigned level) { return LinearMap::encoded_bytes(*b.context, c.plan, c.diagonals, level); };
  EXPECT_EQ(bytes(2), slots * 3 * 8);
  c.plan.terms.push_back({0, 0, 1, 0, 1});
  EXPECT_EQ(bytes(2), slots * 3 * 8 + 64 * 6 * 8);
  c.plan.terms.push_back({0, 0, 1, 64, 1});  // the same rotation within the period
  c.plan.terms.push_back({0, 0, 3, 0, 1});
  EXPECT_EQ(bytes(2), slots * 3 * 8 + 64 * 6 * 8);
  c.plan.terms.push_back({0, 0, 1, 65, 1});  // another
  EXPECT_EQ(bytes(2), slots * 3 * 8 + 2 * 64 * 6 * 8);
  c.plan.terms.push_back({0, 0, 0, 65, 2});
  EXPECT_EQ(bytes(2), slots * 3 * 8 + 2 * 64 * 6 * 8 + 8 * 3 * 8);
}

TEST(LinearMap, Refuses) {
  const Bench b(small_set());
  const auto x = b.encrypt(b.values(1), std::exp2(18), 1);
  const auto low = b.encrypt(b.values(1), std::exp2(18), 0);
  const auto other = b.encrypt(b.values(1), std::exp2(19), 1);
  const auto none = make_evaluation_keys(b.secret, {});
  const std::vector<Diagonal> diagonals{Diagonal(b.values(2)), Diagonal{}, Diagonal(std::vector<double>(4096, 1)),
                                        Diagonal(random_values(4096, 1)), Diagonal(std::vector<double>{1e300})};
  const auto make = [&](LinearMapPlan plan, std::vector<double> scales = {1024}, unsigned level = 1) {
    return LinearMap(b.encoder, std::move(plan), diagonals, std::move(scales), level, false);
  };
  EXPECT_THROW(make({}), InvalidArgument);
  EXPECT_THROW(make({.terms = {{1, 0, 0, 0, 0}}}), InvalidArgument);
  EXPECT_THROW(make({.terms = {{0, 1, 0, 0, 0}}}), InvalidArgument);
  EXPECT_THROW(make({.terms = {{0, 0, 0, 0, 5}}}), InvalidArgument);
  EXPECT_THROW(make({.terms = {{0, 0, 0, 0, 1}}}), InvalidArgument);  // of no slots
  EXPECT_THROW(make({.terms = {{0, 0, 0, 0, 3}}}), InvalidArgument);  // of too many
  EXPECT_NO_THROW(make({.terms = {{0, 0, 0, 0, 2}}}));                // of one, repeated
  EXPECT_THROW(make({.outputs = 2, .terms = {{0, 0, 0, 0, 0}}}), InvalidArgument);
  EXPECT_THROW(make({.terms = {{0, 0, 0, 0, 0}}}, {1, 2}), InvalidArgument);
  EXPECT_THROW(make({.terms = {{0, 0, 0, 0, 0}}}, {1}, 2), InvalidArgument);

  const auto apply = [&](const LinearMap& map, std::vector<const Ciphertext*> inputs) {
    return map.apply(b.evaluator, inputs, none);
  };
  const auto plain = make({.terms = {{0, 0, 0, 0, 0}}});
  EXPECT_NO_THROW(apply(plain, {&x}));
  EXPECT_THROW(apply(plain, {}), InvalidArgument);
  EXPECT_THROW(apply(plain, {&x, &x}), InvalidArgument);
  EXPECT_THROW(apply(plain, {&low}), InvalidArgument);
  const auto squared = b.evaluator.square(x);
  EXPECT_THROW(apply(plain, {&squared}), InvalidArgument);
  EXPECT_THROW(apply(make({.terms = {{0, 0, 0, 0, 4}}}), {&x}), InvalidArgument);  // not finite at the scale
  const LinearMapPlan two{.inputs = 2, .terms = {{0, 0, 0, 0, 0}, {1, 0, 0, 0, 0}}};
  EXPECT_THROW(apply(make(two, {1024, 1024}), {&x, &other}), InvalidArgument);
  EXPECT_NO_THROW(apply(make(two, {1024, 512}), {&x, &other}));
  EXPECT_THROW(apply(make({.terms = {{0, 0, 1, 0, 0}}}), {&x}), KeyMismatch);
  EXPECT_THROW(apply(make({.terms = {{0, 0, 0, 1, 0}}}), {&x}), KeyMismatch);
  EXPECT_THROW(apply(make({.terms = {{0, 0, 0, 0, 0}}, .folds = {1}}), {&x}), KeyMismatch);
}

TEST(Diagonal, FindsPeriodsAndTables) {
  std::vector<double> values(64);
  for (std::size_t i = 0; i < 64; ++i) values[i] = static_cast<double>(i % 16 / 4);
  const Diagonal few(values);
  EXPECT_EQ(few.period(), 16u);
  EXPECT_EQ(few.table().size(), 4u);
  EXPECT_EQ(few.index().size(), 16u);
  EXPECT_EQ(few.bytes(), 4 * 8u + 16u);
  for (std::size_t i = 0; i < 200; ++i) EXPECT_EQ(few[i], values[i % 64]);
  EXPECT_EQ(few.values(), std::vector<double>(values.begin(), values.begin() + 16));
  EXPECT_EQ(few, Diagonal(few.values()));

  const auto noise = random_values(512, 1);
  const Diagonal many(noise);
  EXPECT_EQ(many.period(), 512u);
  EXPECT_TRUE(many.index().empty());
  EXPECT_EQ(many.values(), noise);
  EXPECT_EQ(many[515], noise[3]);
  EXPECT_EQ(Diagonal(std::vector<double>(32768, -2)).values(), std::vector<double>{-2});
  EXPECT_EQ(Diagonal().period(), 0u);
  EXPECT_THROW(Diagonal(std::vector<double>(3)), InvalidArgument);
  EXPECT_THROW(Diagonal(std::vector<double>{}), InvalidArgument);
}

TEST(Diagonal, TakesValuesThatHaveNoOrder) {
  std::vector<double> values(64, 1);
  values[3] = std::nan("");
  EXPECT_EQ(Diagonal(values).period(), 64u);
  EXPECT_TRUE(std::isnan(Diagonal(values)[3]));
}

}  // namespace
}  // namespace blindsight::ckks
