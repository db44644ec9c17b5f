#include "blindsight/vision/chunks.h"

#include <algorithm>
#include <cstdint>
#include <numeric>

#include "blindsight/base/error.h"

namespace blindsight::vision {
namespace {

std::string size_text(int width, int height) { return std::to_string(width) + "x" + std::to_string(height); }

std::size_t pieces(int whole, int piece) { return static_cast<std::size_t>((whole + piece - 1) / piece); }

void require_gray(const Image& image) {
  check_image(image);
  if (image.channels != 1) throw InvalidArgument("an image of three channels where a gray one is needed");
}

/// Copies rows between two images of the same channels.
void copy_rows(const Image& from, int from_x, int from_y, Image& to, const ChunkArea& area) {
  const auto channels = static_cast<std::size_t>(from.channels);
  for (int row = 0; row < area.height; ++row) {
    const std::size_t source = (static_cast<std::size_t>(from_y + row) * from.width + from_x) * channels;
    const std::size_t target = (static_cast<std::size_t>(area.y + row) * to.width + area.x) * channels;
    std::copy_n(from.pixels.begin() + static_cast<std::ptrdiff_t>(source), area.width * from.channels,
                to.pixels.begin() + static_cast<std::ptrdiff_t>(target));
  }
}

Image blank(int width, int height, int channels) {
  return {width, height, channels, std::vector<std::uint8_t>(static_cast<std::size_t>(width) * height * channels)};
}

}  // namespace

ChunkGrid::ChunkGrid(int image_width, int image_height, int chunk_width, int chunk_height)
    : image_width_(image_width), image_height_(image_height), chunk_width_(chunk_width), chunk_height_(chunk_height) {
  if (chunk_width <= 0 || chunk_height <= 0 || chunk_width > image_width || chunk_height > image_height) {
    throw InvalidArgument("chunks of " + size_text(chunk_width, chunk_height) + " pixels in an image of " +
                          size_text(image_width, image_height) + ": take at least one pixel and at most the image");
  }
}

std::size_t ChunkGrid::columns() const { return pieces(image_width_, chunk_width_); }
std::size_t ChunkGrid::rows() const { return pieces(image_height_, chunk_height_); }

ChunkArea ChunkGrid::area(std::size_t chunk) const {
  if (chunk >= size()) {
    throw InvalidArgument("there is no chunk " + std::to_string(chunk) + " in a grid of " + std::to_string(size()));
  }
  const int x = static_cast<int>(chunk % columns()) * chunk_width_;
  const int y = static_cast<int>(chunk / columns()) * chunk_height_;
  return {x, y, std::min(chunk_width_, image_width_ - x), std::min(chunk_height_, image_height_ - y)};
}

std::vector<Image> split(const Image& image, const ChunkGrid& grid) {
  check_image(image);
  if (image.width != grid.image_width() || image.height != grid.image_height()) {
    throw InvalidArgument("an image of " + size_text(image.width, image.height) + " pixels where the grid is for " +
                          size_text(grid.image_width(), grid.image_height()) + ": resize it first");
  }
  std::vector<Image> chunks;
  for (std::size_t i = 0; i < grid.size(); ++i) {
    const ChunkArea area = grid.area(i);
    chunks.push_back(blank(area.width, area.height, image.channels));
    copy_rows(image, area.x, area.y, chunks.back(), {0, 0, area.width, area.height});
  }
  return chunks;
}

Image merge(const std::vector<Image>& chunks, const ChunkGrid& grid) {
  if (chunks.size() != grid.size()) {
    throw InvalidArgument(std::to_string(chunks.size()) + " chunks for a grid of " + std::to_string(grid.size()));
  }
  Image image = blank(grid.image_width(), grid.image_height(), chunks.front().channels);
  for (std::size_t i = 0; i < chunks.size(); ++i) {
    const ChunkArea area = grid.area(i);
    check_image(chunks[i]);
    if (chunks[i].width != area.width || chunks[i].height != area.height || chunks[i].channels != image.channels) {
      throw InvalidArgument("chunk " + std::to_string(i) + " has " + size_text(chunks[i].width, chunks[i].height) +
                            " pixels and " + std::to_string(chunks[i].channels) + " channels, its place " +
                            size_text(area.width, area.height) + " and " + std::to_string(image.channels));
    }
    copy_rows(chunks[i], 0, 0, image, area);
  }
  return image;
}

std::uint8_t mean_level(const Image& gray) {
  require_gray(gray);
  const std::uint64_t sum = std::accumulate(gray.pixels.begin(), gray.pixels.end(), std::uint64_t{0});
  return static_cast<std::uint8_t>((2 * sum + gray.pixels.size()) / (2 * gray.pixels.size()));
}

Image padded(const Image& gray, int width, int height) {
  require_gray(gray);
  if (gray.width == width && gray.height == height) return gray;
  if (gray.width > width || gray.height > height) {
    throw InvalidArgument("a chunk of " + size_text(gray.width, gray.height) + " pixels is larger than " +
                          size_text(width, height) + ", which the network takes: choose smaller chunks");
  }
  Image out = blank(width, height, 1);
  std::fill(out.pixels.begin(), out.pixels.end(), mean_level(gray));
  copy_rows(gray, 0, 0, out, {0, 0, gray.width, gray.height});
  return out;
}

}  // namespace blindsight::vision
