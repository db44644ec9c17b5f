// How steep an image is.
#pragma once

#include <vector>

#include "blindsight/vision/image.h"

namespace blindsight::vision {

/// The gradient's magnitude √(gx² + gy²) at every pixel, row by row, in levels: gx and gy from Sobel's 3×3 kernels
/// ([1 2 1] across [−1 0 1], not divided by 8, so that a step of one level gives 4; at most 255·√20). Beyond its border
/// the image is mirrored at the border pixel's centre; a side of one pixel has no gradient along it. Throws
/// InvalidArgument for an invalid or coloured image.
std::vector<float> gradient_magnitude(const Image& gray);

}  // namespace blindsight::vision
