#include "blindsight/vision/sample_digits.h"

#include <algorithm>
#include <limits>

#include "blindsight/vision/dataset.h"
#include "support.h"

namespace blindsight::vision {
namespace {

TEST(SampleDigits, AreTheTenDigitsInOrder) {
  const auto samples = sample_digits();
  ASSERT_EQ(samples.size(), 10u);
  for (int d = 0; d < 10; ++d) {
    const auto& [label, image] = samples[static_cast<std::size_t>(d)];
    EXPECT_EQ(label, d);
    EXPECT_EQ(image.width, 28);
    EXPECT_EQ(image.height, 28);
    EXPECT_EQ(image.channels, 1);
    EXPECT_NO_THROW(check_image(image));
  }
}

TEST(SampleDigits, TheSeedDecides) {
  for (std::size_t d = 0; d < 10; ++d) {
    EXPECT_EQ(sample_digits(3)[d].image.pixels, sample_digits(3)[d].image.pixels);
    EXPECT_NE(sample_digits(3)[d].image.pixels, sample_digits(4)[d].image.pixels);
  }
}

TEST(SampleDigits, AreWhiteOnBlackAndCentredByMass) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    for (const auto& [label, image] : sample_digits(seed)) {
      double mass = 0, mx = 0, my = 0;
      for (int y = 0; y < 28; ++y) {
        for (int x = 0; x < 28; ++x) {
          mass += image.at(x, y);
          mx += x * image.at(x, y);
          my += y * image.at(x, y);
        }
      }
      EXPECT_NEAR(mx / mass, 13.5, 0.5) << label;
      EXPECT_NEAR(my / mass, 13.5, 0.5) << label;
      EXPECT_GT(mass / 784 / 255, 0.03) << label;
      EXPECT_LT(mass / 784 / 255, 0.25) << label;
      EXPECT_GT(*std::max_element(image.pixels.begin(), image.pixels.end()), 240) << label;
      EXPECT_EQ(image.at(0, 0), 0);
    }
  }
}

/// A nearest neighbour among MNIST's test images knows nothing of networks, and should still know the digit.
TEST(SampleDigits, LookLikeMnist) {
  const auto folder = real_data();
  if (folder.empty()) GTEST_SKIP() << "NOT TESTED: no MNIST in BLINDSIGHT_DATA or beside the checkout";
  const auto mnist = load_dataset("mnist", "test", folder);
  int right = 0;
  for (const auto& [label, image] : sample_digits()) {
    std::size_t best = 0;
    long best_distance = std::numeric_limits<long>::max();
    for (std::size_t i = 0; i < mnist.size(); ++i) {
      long distance = 0;
      for (std::size_t p = 0; p < 784; ++p) {
        const long d = image.pixels[p] - mnist.pixels[i * 784 + p];
        distance += d * d;
      }
      if (distance < best_distance) best = i, best_distance = distance;
    }
    right += mnist.targets[best] == label ? 1 : 0;
  }
  EXPECT_EQ(right, 10);
}

}  // namespace
}  // namespace blindsight::vision
