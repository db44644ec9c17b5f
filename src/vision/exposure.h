// What a server learns of an image whose feature chunks alone are encrypted.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "blindsight/vision/chunks.h"

namespace blindsight::vision {

/// What becomes of chunks without features: their pixels travel in the clear, or their mean level alone does.
enum class PlainChunks { kSend, kDrop };

/// Shares are from 0 to 1.
struct Exposure {
  std::size_t chunks = 0;
  std::size_t in_clear = 0;  ///< chunks whose pixels, or mean levels, are seen
  double pixels = 0;         ///< share of the pixels that are seen
  /// Share of the image's variance (mean square distance from its mean level) that lies in what is seen: in the pixels,
  /// or, where only means are sent, in those. 0 for an image of one level.
  double variance = 0;
};

/// `index` as chunk_index() gives it. Throws InvalidArgument where it doesn't fit the grid, or the image doesn't.
Exposure exposure(const Image& gray, const ChunkGrid& grid, std::span<const std::int32_t> index, PlainChunks plain);

/// The image as the server sees it, every pixel `zoom` times as wide and high: clear chunks as they are or, dropped, as
/// their mean level; encrypted ones as a checkerboard of two dark greys.
/// Throws InvalidArgument as exposure() does, and unless zoom is 1 to 16.
Image seen_by_server(const Image& gray, const ChunkGrid& grid, std::span<const std::int32_t> index, PlainChunks plain,
                     int zoom = 1);

}  // namespace blindsight::vision
