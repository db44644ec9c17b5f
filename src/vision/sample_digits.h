// Digits that the project draws itself, for a demonstration without any data set.
#pragma once

#include <cstdint>
#include <vector>

#include "blindsight/vision/image.h"

namespace blindsight::vision {

struct Sample {
  int label;
  Image image;  ///< 28×28, gray, white on black
};

/// The digits 0 to 9, one each in order, as if written with a felt pen: strokes with jitter, slant and varying width,
/// scaled into a 20×20 box and centred by mass as MNIST's are. The same seed draws the same pixels.
std::vector<Sample> sample_digits(std::uint64_t seed = 1);

}  // namespace blindsight::vision
