// Images cut into a grid of chunks, and put together again.
#pragma once

#include <cstddef>
#include <vector>

#include "blindsight/vision/image.h"

namespace blindsight::vision {

/// Where a chunk lies in its image, in pixels.
struct ChunkArea {
  int x = 0;
  int y = 0;
  int width = 0;
  int height = 0;
  bool operator==(const ChunkArea&) const = default;
};

/// Chunks of one size from the upper left corner on, row by row: the image order. Where the size doesn't divide the
/// image, the last column and row are narrower: no pixel is left out and none is taken twice.
class ChunkGrid {
 public:
  /// Throws InvalidArgument unless all four are positive and the chunk is no larger than the image.
  ChunkGrid(int image_width, int image_height, int chunk_width, int chunk_height);
  int image_width() const { return image_width_; }
  int image_height() const { return image_height_; }
  int chunk_width() const { return chunk_width_; }
  int chunk_height() const { return chunk_height_; }
  std::size_t columns() const;
  std::size_t rows() const;
  std::size_t size() const { return columns() * rows(); }
  /// Throws InvalidArgument where there is no such chunk.
  ChunkArea area(std::size_t chunk) const;

 private:
  int image_width_, image_height_, chunk_width_, chunk_height_;
};

/// The chunks in image order. Throws InvalidArgument where the image has another size than the grid.
std::vector<Image> split(const Image& image, const ChunkGrid& grid);

/// The image that split() takes apart into these chunks. Throws InvalidArgument where their number, a size or the
/// channels don't fit.
Image merge(const std::vector<Image>& chunks, const ChunkGrid& grid);

/// The mean of all pixels of a gray image, rounded.
std::uint8_t mean_level(const Image& gray);

/// The image in the upper left corner of a larger one; what is new has the image's mean level. Gray images only.
/// Throws InvalidArgument where it is larger than that.
Image padded(const Image& gray, int width, int height);

}  // namespace blindsight::vision
