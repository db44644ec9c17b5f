#include "blindsight/nn/views.h"

#include <gtest/gtest.h>

#include <numeric>
#include <random>

#include "blindsight/base/error.h"
#include "graph_builder.h"

namespace blindsight::nn {
namespace {

std::vector<double> random_image(const Shape& shape, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  std::vector<double> image(element_count(shape));
  for (double& x : image) x = std::uniform_real_distribution<double>(-1, 1)(random);
  return image;
}

TEST(Views, MirrorTurnsEveryRowRound) {
  const Shape shape{2, 2, 3};
  std::vector<double> image(12);
  std::iota(image.begin(), image.end(), 0);
  EXPECT_EQ(mirrored(image, shape), (std::vector<double>{2, 1, 0, 5, 4, 3, 8, 7, 6, 11, 10, 9}));
  EXPECT_THROW(mirrored(image, {12}), InvalidArgument);
  EXPECT_THROW(mirrored(image, {1, 2, 3}), InvalidArgument);
  EXPECT_THROW(mirror_image_sources({12}), InvalidArgument);
}

TEST(Views, NetworkOfBothGivesTheMeanOfTwoRuns) {
  for (const Shape& shape : {Shape{1, 4, 4}, Shape{3, 6, 5}}) {
    testing::GraphBuilder builder(5, shape);
    builder.conv({.channels = 4, .pads = {1, 1, 1, 1}}).square().conv({.channels = 3, .strides = {2, 2}}).square();
    const QuadraticNetwork one = to_network(builder.dense(5).build());
    const QuadraticNetwork both = with_mirror_image(one);
    EXPECT_EQ(both.depth(), one.depth());
    EXPECT_EQ(both.input_shape, (Shape{2 * shape[0], shape[1], shape[2]}));
    EXPECT_EQ(both.stages[0].shape[0], 2 * one.stages[0].shape[0]);

    const std::vector<double> image = random_image(shape, 3);
    std::vector<double> views;
    for (const std::uint32_t e : mirror_image_sources(shape)) views.push_back(image[e]);
    const auto mean = evaluate_stages(both, views).back();
    const auto a = evaluate_stages(one, image).back(), b = evaluate_stages(one, mirrored(image, shape)).back();
    ASSERT_EQ(mean.size(), a.size());
    for (std::size_t j = 0; j < a.size(); ++j) {
      EXPECT_NEAR(mean[j], (a[j] + b[j]) / 2, 1e-12);
      EXPECT_GT(std::abs(a[j] - b[j]), 1e-6);  // the views differ
    }
  }
}

}  // namespace
}  // namespace blindsight::nn
