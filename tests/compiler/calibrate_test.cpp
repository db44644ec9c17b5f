#include "blindsight/compiler/calibrate.h"

#include <gtest/gtest.h>

#include <cmath>

#include "blindsight/base/error.h"
#include "hand_made.h"
#include "random_graph.h"
#include "small_networks.h"

namespace blindsight::compiler {
namespace {

/// What is added to one element of a value, or of its square, before the stages read it.
struct Change {
  std::size_t value = 0, element = 0;
  double plain = 0, square = 0;
};

std::vector<double> logits(const nn::QuadraticNetwork& network, const std::vector<double>& input,
                           const Change& change) {
  std::vector<std::vector<double>> plain{input}, squares;
  for (std::size_t v = 0;; ++v) {
    if (v == change.value) plain[v][change.element] += change.plain;
    squares.push_back(plain[v]);
    for (double& x : squares[v]) x *= x;
    if (v == change.value) squares[v][change.element] += change.square;
    if (v == network.stages.size()) return plain[v];
    std::vector<double> next = network.stages[v].bias;
    for (const nn::StageTerm& term : network.stages[v].terms) {
      nn::add_product(term.matrix, (term.squared ? squares : plain)[term.value], next);
    }
    plain.push_back(std::move(next));
  }
}

std::size_t elements(const nn::QuadraticNetwork& network, std::size_t value) {
  return static_cast<std::size_t>(
      nn::element_count(value == 0 ? network.input_shape : network.stages[value - 1].shape));
}

std::vector<std::vector<double>> inputs(const nn::QuadraticNetwork& network, std::size_t count) {
  std::vector<std::vector<double>> out;
  for (std::size_t i = 0; i < count; ++i) out.push_back(test::uniform(i + 1, elements(network, 0)));
  return out;
}

/// Sum over elements of squared derivatives, mean over logits and inputs, by central differences.
double by_differences(const nn::QuadraticNetwork& network, const std::vector<std::vector<double>>& images,
                      std::size_t value, bool square) {
  constexpr double kStep = 1e-4;
  double sum = 0;
  for (const auto& image : images) {
    for (std::size_t e = 0; e < elements(network, value); ++e) {
      const auto up = logits(network, image, {value, e, square ? 0 : kStep, square ? kStep : 0});
      const auto down = logits(network, image, {value, e, square ? 0 : -kStep, square ? -kStep : 0});
      for (std::size_t j = 0; j < up.size(); ++j) {
        sum += std::pow((up[j] - down[j]) / (2 * kStep), 2) / static_cast<double>(up.size());
      }
    }
  }
  return sum / static_cast<double>(images.size());
}

/// With one logit the random signs cancel: the sensitivities are exact.
TEST(Calibrate, SensitivitiesAreDerivativesOfASingleLogit) {
  using Builder = nn::testing::GraphBuilder;
  const std::vector<nn::QuadraticNetwork> networks = {
      nn::to_network(Builder(1, {2, 5, 5}).conv({.channels = 3}).quadratic().dense(1).build()),
      nn::to_network(
          Builder(2, {1, 6, 6}).conv({.channels = 2, .strides = {2, 2}}).square().dense(6).square().dense(1).build()),
      nn::to_network(Builder(3, {1, 3, 3}).dense(1).build()),
  };
  for (const nn::QuadraticNetwork& network : networks) {
    const auto images = inputs(network, 3);
    const auto values = measure(network, images);
    ASSERT_EQ(values.size(), network.stages.size() + 1);
    for (std::size_t v = 0; v < values.size(); ++v) {
      const double plain = by_differences(network, images, v, false);
      const double square = by_differences(network, images, v, true);
      EXPECT_NEAR(values[v].sensitivity, plain, 1e-5 * plain) << v;
      EXPECT_NEAR(values[v].square_sensitivity, square, 1e-5 * square) << v;
    }
    EXPECT_DOUBLE_EQ(values.back().sensitivity, 1);
  }
}

/// Branches and several logits: random signs find the mean over the logits.
TEST(Calibrate, SensitivitiesOfNetworksWithBranches) {
  std::size_t residual = 0;
  for (std::uint64_t seed = 0; seed < 12; ++seed) {
    const nn::QuadraticNetwork network = nn::to_network(nn::testing::random_graph(seed, {.max_elements = 128}));
    for (const nn::Stage& stage : network.stages) residual += stage.terms.size() > 1 ? 1 : 0;
    const auto few = inputs(network, 2);
    // The same two images many times: other signs each time.
    std::vector<std::vector<double>> many;
    for (int i = 0; i < 100; ++i) many.insert(many.end(), few.begin(), few.end());
    const auto values = measure(network, many);
    for (std::size_t v = 0; v < values.size(); ++v) {
      const double plain = by_differences(network, few, v, false);
      const double square = by_differences(network, few, v, true);
      EXPECT_NEAR(values[v].sensitivity, plain, 0.2 * plain) << "seed " << seed << ", value " << v;
      EXPECT_NEAR(values[v].square_sensitivity, square, 0.2 * square) << "seed " << seed << ", value " << v;
    }
  }
  EXPECT_GT(residual, 3u);
}

TEST(Calibrate, RangesAndMoments) {
  const nn::QuadraticNetwork network = test::perceptron(4, {6, 5, 3});
  const auto images = inputs(network, 4);
  const auto values = measure(network, images);
  std::vector<double> largest(3, 0), square(3, 0), fourth(3, 0);
  for (const auto& image : images) {
    auto all = nn::evaluate_stages(network, image);
    all.insert(all.begin(), image);
    for (std::size_t v = 0; v < 3; ++v) {
      for (const double x : all[v]) {
        largest[v] = std::max(largest[v], std::abs(x));
        square[v] += x * x / (4.0 * static_cast<double>(all[v].size()));
        fourth[v] += x * x * x * x / (4.0 * static_cast<double>(all[v].size()));
      }
    }
  }
  for (std::size_t v = 0; v < 3; ++v) {
    EXPECT_DOUBLE_EQ(values[v].range, 2 * largest[v]);
    EXPECT_NEAR(values[v].mean_square, square[v], 1e-12 * square[v]);
    EXPECT_NEAR(values[v].mean_fourth, fourth[v], 1e-12 * fourth[v]);
  }
}

TEST(Calibrate, RefusesWhatOverflowsByName) {
  nn::QuadraticNetwork network = test::perceptron(5, {4, 4, 4, 4, 2});
  for (nn::Stage& stage : network.stages) {
    for (double& w : stage.terms[0].matrix.value) w *= 1e60;
  }
  try {
    measure(network, inputs(network, 2));
    FAIL();
  } catch (const UnsupportedModel& error) {
    EXPECT_NE(std::string(error.what()).find("overflow"), std::string::npos) << error.what();
  }
}

TEST(Calibrate, RandomInputsKeepToTheirBound) {
  const nn::QuadraticNetwork network = nn::to_network(nn::testing::random_graph(1));
  const auto images = random_inputs(network, 3, 10);
  EXPECT_EQ(images, random_inputs(network, 3, 10));
  ASSERT_EQ(images.size(), 10u);
  double largest = 0;
  for (const auto& image : images) {
    ASSERT_EQ(image.size(), elements(network, 0));
    for (const double x : image) largest = std::max(largest, std::abs(x));
  }
  EXPECT_LE(largest, 3);
  EXPECT_GT(largest, 2.5);
}

}  // namespace
}  // namespace blindsight::compiler
