// From an image to what a network of chunks takes.
#pragma once

#include <cstdint>
#include <vector>

#include "blindsight/vision/card.h"
#include "blindsight/vision/chunks.h"

namespace blindsight::vision {

/// The image that is cut into chunks: gray, stretched to the card's image size, equalised where the card says so.
/// Throws InvalidArgument where the card has no `chunks`, and where the image has another size and `resize_to_fit` is
/// false.
Image image_to_cut(const Image& image, const Card& card, bool resize_to_fit = false);

/// The levels of one chunk, padded to what the network takes for one, row by row. Throws InvalidArgument where the
/// chunk is larger than that, or the card has no `chunks`.
std::vector<std::uint8_t> chunk_levels(const Image& chunk, const Card& card);

/// A level as the network takes it: level · first + second.
struct LevelScale {
  double factor = 1;
  double offset = 0;
};
LevelScale level_scale(const Card& card);

}  // namespace blindsight::vision
