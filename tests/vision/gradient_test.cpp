#include "blindsight/vision/gradient.h"

#include <cmath>

#include "blindsight/vision/random.h"
#include "support.h"

namespace blindsight::vision {
namespace {

/// Mirrored at the centre of the border pixel: … 2 1 0 1 2 …
int mirrored(int i, int size) {
  if (size == 1) return 0;
  const int period = 2 * (size - 1);
  i = ((i % period) + period) % period;
  return i < size ? i : period - i;
}

/// Sobel's kernels, written out.
std::vector<double> reference(const Image& image) {
  std::vector<double> out;
  for (int y = 0; y < image.height; ++y) {
    for (int x = 0; x < image.width; ++x) {
      const auto at = [&](int dx, int dy) {
        return static_cast<double>(image.at(mirrored(x + dx, image.width), mirrored(y + dy, image.height)));
      };
      const double gx = at(1, -1) + 2 * at(1, 0) + at(1, 1) - at(-1, -1) - 2 * at(-1, 0) - at(-1, 1);
      const double gy = at(-1, 1) + 2 * at(0, 1) + at(1, 1) - at(-1, -1) - 2 * at(0, -1) - at(1, -1);
      out.push_back(std::sqrt(gx * gx + gy * gy));
    }
  }
  return out;
}

TEST(Gradient, IsSobelsOnImagesOfAllSizes) {
  Random random(5);
  for (const auto& [width, height] : {std::pair{1, 1}, {1, 7}, {7, 1}, {2, 2}, {3, 3}, {28, 26}, {112, 112}}) {
    Image image{width, height, 1, {}};
    for (int i = 0; i < width * height; ++i) {
      image.pixels.push_back(static_cast<std::uint8_t>(std::lround(random.uniform(0, 255))));
    }
    const auto found = gradient_magnitude(image);
    const auto expected = reference(image);
    ASSERT_EQ(found.size(), expected.size());
    // Sums of levels are exact in single precision; the root is rounded once.
    for (std::size_t i = 0; i < found.size(); ++i) EXPECT_NEAR(found[i], expected[i], 1e-3) << width << "x" << height;
  }
}

TEST(Gradient, OfASlopeAndOfNothing) {
  Image slope{5, 5, 1, {}};
  for (int i = 0; i < 25; ++i) slope.pixels.push_back(static_cast<std::uint8_t>(10 * (i % 5)));
  EXPECT_FLOAT_EQ(gradient_magnitude(slope)[12], 80);  // 8 times the step of 10
  for (const float v : gradient_magnitude({4, 4, 1, Bytes(16, 200)})) EXPECT_EQ(v, 0);
}

TEST(Gradient, RefusesColour) { EXPECT_THROW(gradient_magnitude({1, 1, 3, {1, 2, 3}}), InvalidArgument); }

}  // namespace
}  // namespace blindsight::vision
