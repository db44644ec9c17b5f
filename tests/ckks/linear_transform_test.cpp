#include "blindsight/ckks/linear_transform.h"

#include <gtest/gtest.h>

#include <set>

#include "blindsight/base/error.h"
#include "support.h"

namespace blindsight::ckks {
namespace {

int wrapped(int k, int n) { return ((k % n) + n) % n; }

// Key switches of a split, 0 free.
std::size_t key_switches(const std::vector<LinearTransformPlan::Term>& terms) {
  std::set<int> babies, giants;
  for (const auto& term : terms) {
    babies.insert(term.baby);
    giants.insert(term.giant);
  }
  babies.erase(0);
  giants.erase(0);
  return babies.size() + giants.size();
}

void expect_covers(const std::vector<std::uint32_t>& rotations, std::uint32_t slots) {
  const auto terms = split_rotations(rotations, slots);
  ASSERT_EQ(terms.size(), rotations.size());
  std::set<std::uint32_t> seen;
  for (const auto& term : terms) {
    ASSERT_LT(term.diagonal, rotations.size());
    EXPECT_TRUE(seen.insert(term.diagonal).second);
    EXPECT_EQ(static_cast<std::uint32_t>(wrapped(term.baby + term.giant, static_cast<int>(slots))),
              rotations[term.diagonal]);
  }
  EXPECT_LE(key_switches(terms), rotations.size() + 1);
  const auto again = split_rotations(rotations, slots);
  for (std::size_t i = 0; i < terms.size(); ++i) {
    EXPECT_EQ(terms[i].baby, again[i].baby);
    EXPECT_EQ(terms[i].giant, again[i].giant);
    EXPECT_EQ(terms[i].diagonal, again[i].diagonal);
  }
}

TEST(LinearTransform, SplitCoversExactlyWhatIsAsked) {
  std::mt19937_64 random(1);
  for (std::uint32_t slots : {16u, 2048u, 32768u}) {
    expect_covers({0}, slots);
    expect_covers({slots - 1}, slots);
    expect_covers({0, 1, slots / 2, slots - 1}, slots);
    for (std::size_t count : {2ul, 5ul, 16ul}) {
      for (int round = 0; round < 5; ++round) {
        std::set<std::uint32_t> chosen;
        while (chosen.size() < std::min<std::size_t>(count, slots))
          chosen.insert(static_cast<std::uint32_t>(random() % slots));
        expect_covers({chosen.begin(), chosen.end()}, slots);
      }
    }
  }
  EXPECT_THROW(split_rotations(std::vector<std::uint32_t>{16}, 16), InvalidArgument);
}

TEST(LinearTransform, SplitOfADenseMatrixTakesAboutTwoRoots) {
  for (std::uint32_t count : {16u, 64u, 256u, 1024u}) {
    std::vector<std::uint32_t> rotations(count);
    for (std::uint32_t i = 0; i < count; ++i) rotations[i] = i;
    EXPECT_LE(static_cast<double>(key_switches(split_rotations(rotations, 4096))), 2.2 * std::sqrt(count)) << count;
  }
  std::vector<std::uint32_t> strided;  // stride 8, both signs: a convolution's rows
  for (int k = -32; k < 32; ++k) strided.push_back(static_cast<std::uint32_t>(wrapped(8 * k, 4096)));
  EXPECT_LE(key_switches(split_rotations(strided, 4096)), 18u);
}

// y[i] = Σ_k diagonal_k[i]·x[i + k].
std::vector<double> multiply(const std::vector<std::uint32_t>& rotations,
                             const std::vector<std::vector<double>>& diagonals, const std::vector<double>& x) {
  std::vector<double> y(x.size());
  for (std::size_t t = 0; t < rotations.size(); ++t) {
    for (std::size_t i = 0; i < x.size(); ++i) y[i] += diagonals[t][i] * x[(i + rotations[t]) % x.size()];
  }
  return y;
}

class LinearTransformTest : public testing::TestWithParam<ParameterSet> {};
INSTANTIATE_TEST_SUITE_P(LinearTransform, LinearTransformTest, testing::ValuesIn(parameter_sets()),
                         [](const auto& info) { return std::string(info.param.name); });

TEST_P(LinearTransformTest, IsTheMatrixProduct) {
  const double scale = std::exp2(18), weight_scale = std::exp2(12);
  const Bench b(GetParam());
  const auto slots = static_cast<std::uint32_t>(b.context->slots());
  const std::vector<std::vector<std::uint32_t>> cases{
      {0}, {5}, {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}, {0, 1, 28, 29, slots - 28, slots - 1, slots / 2}};
  for (unsigned level : {0u, b.context->max_level()}) {
    for (const auto& rotations : cases) {
      LinearTransformPlan plan;
      plan.terms = split_rotations(rotations, slots);
      std::vector<std::vector<double>> diagonals;
      for (std::size_t i = 0; i < rotations.size(); ++i) diagonals.push_back(b.values(i + 1));
      KeyRequest request;
      for (int k : rotations_of(plan, slots)) request.want_rotation(b.context->literal(), k, level);
      const auto keys = make_evaluation_keys(b.secret, request);
      const auto encoded = encode_transform(b.encoder, plan, diagonals, weight_scale, level);
      const auto x = b.values(99);
      const auto y = apply(b.evaluator, encoded, b.encrypt(x, scale, level), keys);
      EXPECT_EQ(y.scale, scale * weight_scale);
      EXPECT_EQ(y.level(), level);
      // Every baby adds a key switch at the input's scale, every giant one at the result's.
      const double e = (b.fresh() + b.noise.product_slot(b.noise.key_switch(level))) / scale;
      const double r = b.noise.slot(b.noise.rounding()) / weight_scale;
      const auto terms = static_cast<double>(rotations.size());
      const double bound = terms * (e + r + e * r + b.noise.product_slot(b.noise.key_switch(level)) / y.scale);
      expect_close(b.decrypt(y), multiply(rotations, diagonals, x), bound);
    }
  }
}

TEST_P(LinearTransformTest, FoldsAreAddedInOrder) {
  const double scale = std::exp2(18), weight_scale = std::exp2(12);
  const Bench b(GetParam());
  const auto slots = static_cast<std::uint32_t>(b.context->slots());
  LinearTransformPlan plan;
  plan.terms = split_rotations(std::vector<std::uint32_t>{0, 3}, slots);
  plan.folds = {16, 32};
  const std::vector<std::vector<double>> diagonals{b.values(1), b.values(2)};
  KeyRequest request;
  for (int k : rotations_of(plan, slots)) request.want_rotation(b.context->literal(), k, 0);
  const auto keys = make_evaluation_keys(b.secret, request);
  const auto x = b.values(3);
  auto expected = multiply({0, 3}, diagonals, x);
  for (int fold : plan.folds) {
    const auto rotated = rotated_left(expected, fold);
    for (std::size_t i = 0; i < expected.size(); ++i) expected[i] += rotated[i];
  }
  const auto y =
      apply(b.evaluator, encode_transform(b.encoder, plan, diagonals, weight_scale, 0), b.encrypt(x, scale, 0), keys);
  const double k = b.noise.product_slot(b.noise.key_switch(0));
  const double e = (b.fresh() + k) / scale, r = b.noise.slot(b.noise.rounding()) / weight_scale;
  expect_close(b.decrypt(y), expected, 8 * (e + r + e * r) + 12 * k / y.scale);
}

TEST(LinearTransform, RotationsOfAPlanAreThoseOfItsTerms) {
  LinearTransformPlan plan;
  plan.terms = {{0, 0, 0}, {1, 0, 1}, {1, 16, 2}};
  plan.folds = {64, 0};
  const auto rotations = rotations_of(plan, 2048);
  EXPECT_EQ(std::set<int>(rotations.begin(), rotations.end()), (std::set<int>{1, 16, 64}));
}

TEST(LinearTransform, Refuses) {
  const Bench b(small_set());
  const auto x = b.encrypt(b.values(1), std::exp2(18), 1);
  const auto none = make_evaluation_keys(b.secret, {});
  EXPECT_THROW(apply(b.evaluator, EncodedTransform{}, x, none), InvalidArgument);
  LinearTransformPlan plan;
  plan.terms = {{1, 0, 0}};
  const std::vector<std::vector<double>> diagonals{b.values(2)};
  const auto encoded = encode_transform(b.encoder, plan, diagonals, 1024, 1);
  EXPECT_THROW(apply(b.evaluator, encoded, x, none), KeyMismatch);
  const auto low = encode_transform(b.encoder, plan, diagonals, 1024, 0);
  const auto keys = make_evaluation_keys(b.secret, keys_for(*b.context, std::nullopt, {{1, 1}}));
  EXPECT_THROW(apply(b.evaluator, low, x, keys), InvalidArgument);
}

}  // namespace
}  // namespace blindsight::ckks
