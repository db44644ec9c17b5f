// Images that stand for those a network will see, where no data set is at hand: how large values get depends on them.
#pragma once

#include <cstddef>
#include <vector>

#include "blindsight/vision/card.h"
#include "blindsight/vision/image.h"

namespace blindsight::vision {

/// `count` images of the card's size and colour, always the same ones, with about the mean and the spread that the
/// card normalises by. A spread above the mean (as in MNIST) stands for bright figures on black: strokes where little
/// of the image is bright, textured shapes where more is. Else pictures whose spectrum falls as those of nature do
/// (amplitude 1/f; Field 1987), half of them with shapes and gradients over it. Where the card doesn't normalise
/// (mean 0), both kinds.
std::vector<Image> calibration_images(const Preprocess& preprocess, std::size_t count = 24);

}  // namespace blindsight::vision
