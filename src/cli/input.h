// What a network is given of an image: one tensor, or the image's chunks.
#pragma once

#include <filesystem>
#include <optional>
#include <vector>

#include "blindsight/cli/chunk_options.h"
#include "blindsight/runtime/parts.h"
#include "blindsight/vision/card.h"
#include "blindsight/vision/image.h"

namespace blindsight::cli {

/// `parts` for a model of chunks, else `tensor`.
struct Input {
  std::vector<double> tensor;
  std::optional<runtime::Parts> parts;
};

/// How a model of chunks is given an image.
struct PartsShape {
  std::size_t group = 1;  ///< chunks of one input
  std::size_t parts = 1;  ///< chunks of an image
  runtime::Affine levels;
};
/// Throws as chunk_grid() does.
PartsShape parts_shape(const vision::Card& card, const ChunkOptions& options);
/// The same from the card alone, for images of so many chunks.
PartsShape parts_shape(const vision::Card& card, std::size_t parts);

/// Throws what preprocessing throws; InvalidArgument where --chunks doesn't fit the model.
Input make_input(const vision::Image& image, const vision::Card& card, const ChunkOptions& options, bool resize);
/// Of an image file; messages name it.
Input read_input(const std::filesystem::path& file, const vision::Card& card, const ChunkOptions& options, bool resize);

}  // namespace blindsight::cli
