// From an image to the tensor that a network takes.
#pragma once

#include <vector>

#include "blindsight/vision/card.h"
#include "blindsight/vision/image.h"

namespace blindsight::vision {

/// The tensor in CHW order, channels · height · width values: (pixel · scale − mean) / std as the card says, of the
/// pixels after equalisation where the card asks for it.
/// A colour image becomes gray (its luma) for a gray card, a gray image three equal channels for an RGB card.
/// Throws InvalidArgument where the image has another size than the card and `resize_to_fit` is false.
std::vector<double> preprocess(const Image& image, const Card& card, bool resize_to_fit = false);

}  // namespace blindsight::vision
