#include "blindsight/vision/calibration_images.h"

#include <cmath>

#include "support.h"

namespace blindsight::vision {
namespace {

Preprocess like(Color color, int side, std::vector<double> mean, std::vector<double> std) {
  return {side, side, color, 1.0 / 255, std::move(mean), std::move(std)};
}

struct Moments {
  double mean = 0, spread = 0;
  explicit Moments(const std::vector<Image>& images) {
    double sum = 0, square = 0, count = 0;
    for (const Image& image : images) {
      for (const std::uint8_t p : image.pixels) {
        sum += p;
        square += p * p;
        ++count;
      }
    }
    mean = sum / count;
    spread = std::sqrt(square / count - mean * mean);
  }
};

const Preprocess kDigits = like(Color::kGray, 28, {0.1307}, {0.3081});
const Preprocess kPhotos = like(Color::kRgb, 32, {0.4914, 0.4822, 0.4465}, {0.2023, 0.1994, 0.201});

TEST(CalibrationImages, HaveTheMeanAndSpreadOfTheCard) {
  for (const Preprocess& p : {kDigits, kPhotos, like(Color::kGray, 28, {0.286}, {0.353})}) {
    const auto images = calibration_images(p);
    ASSERT_EQ(images.size(), 24u);
    for (const Image& image : images) {
      EXPECT_NO_THROW(check_image(image));
      EXPECT_EQ(image.width, p.width);
      EXPECT_EQ(image.height, p.height);
      EXPECT_EQ(image.channels, p.channels());
    }
    const Moments moments(images);
    EXPECT_NEAR(moments.mean, 255 * p.mean[0], 0.25 * 255 * p.mean[0]);
    EXPECT_NEAR(moments.spread, 255 * p.std[0], 0.25 * 255 * p.std[0]);
  }
}

TEST(CalibrationImages, AreAlwaysTheSameAndAllDifferent) {
  for (const Preprocess& p : {kDigits, kPhotos}) {
    const auto a = calibration_images(p);
    const auto b = calibration_images(p);
    for (std::size_t i = 0; i < a.size(); ++i) {
      EXPECT_EQ(a[i].pixels, b[i].pixels);
      for (std::size_t j = 0; j < i; ++j) EXPECT_NE(a[i].pixels, a[j].pixels);
    }
  }
}

TEST(CalibrationImages, ServeCardsThatDoNotNormalise) {
  const auto images = calibration_images(like(Color::kRgb, 17, {0, 0, 0}, {1, 1, 1}));
  const Moments moments(images);
  EXPECT_GT(moments.mean, 40);
  EXPECT_LT(moments.mean, 160);
  EXPECT_GT(moments.spread, 40);
  EXPECT_NO_THROW(calibration_images(like(Color::kGray, 1, {0.5}, {0.5})));
}

}  // namespace
}  // namespace blindsight::vision
