// Two views of an image: itself and its mirror image.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "blindsight/nn/network.h"

namespace blindsight::nn {

/// The mirror image of a C×H×W image. Throws InvalidArgument where the tensor is none.
std::vector<double> mirrored(std::span<const double> image, const Shape& shape);

/// For every element of the input that with_mirror_image() takes, of a C×H×W image: the image's element that stands
/// there. Throws InvalidArgument where the shape is no image's.
std::vector<std::uint32_t> mirror_image_sources(const Shape& image);

/// A network that evaluates this one on an image and on its mirror image, and gives the mean of the two outputs. Its
/// tensors have twice the channels, those of the two views alternating: where channels stand above
/// positions in a slot's number, both views take the rotations that one does.
QuadraticNetwork with_mirror_image(const QuadraticNetwork& network);

}  // namespace blindsight::nn
