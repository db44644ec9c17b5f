#include "blindsight/vision/exposure.h"

#include <algorithm>

#include "blindsight/base/error.h"

namespace blindsight::vision {
namespace {

constexpr int kSquare = 4;  // of the checkerboard, in pixels
constexpr std::uint8_t kDark = 24;
constexpr std::uint8_t kLessDark = 56;
constexpr int kMostZoom = 16;

std::vector<Image> chunks_of(const Image& gray, const ChunkGrid& grid, std::span<const std::int32_t> index) {
  if (gray.channels != 1) throw InvalidArgument("a colour image has no chunks to look at: make it gray");
  if (index.size() != grid.size()) {
    throw InvalidArgument("an index of " + std::to_string(index.size()) + " chunks for a grid of " +
                          std::to_string(grid.size()));
  }
  return split(gray, grid);
}

/// Sum over the pixels of the squared distance from `mean`.
double spread(const Image& image, double mean) {
  double sum = 0;
  for (const std::uint8_t v : image.pixels) sum += (v - mean) * (v - mean);
  return sum;
}

double exact_mean(const Image& image) {
  double sum = 0;
  for (const std::uint8_t v : image.pixels) sum += v;
  return sum / static_cast<double>(image.pixels.size());
}

void flatten(Image& chunk) { std::fill(chunk.pixels.begin(), chunk.pixels.end(), mean_level(chunk)); }

void hide(Image& chunk, const ChunkArea& area) {
  for (int y = 0; y < chunk.height; ++y) {
    for (int x = 0; x < chunk.width; ++x) {
      const bool odd = ((area.x + x) / kSquare + (area.y + y) / kSquare) % 2 != 0;
      chunk.pixels[static_cast<std::size_t>(y) * chunk.width + x] = odd ? kLessDark : kDark;
    }
  }
}

Image zoomed(const Image& gray, int zoom) {
  Image out{gray.width * zoom, gray.height * zoom, 1, {}};
  for (int y = 0; y < out.height; ++y) {
    for (int x = 0; x < out.width; ++x) out.pixels.push_back(gray.at(x / zoom, y / zoom));
  }
  return out;
}

}  // namespace

Exposure exposure(const Image& gray, const ChunkGrid& grid, std::span<const std::int32_t> index, PlainChunks plain) {
  std::vector<Image> chunks = chunks_of(gray, grid, index);
  const double mean = exact_mean(gray);
  Exposure out;
  out.chunks = chunks.size();
  double seen = 0;
  std::size_t pixels = 0;
  for (std::size_t i = 0; i < chunks.size(); ++i) {
    if (index[i] > 0) continue;
    ++out.in_clear;
    if (plain == PlainChunks::kDrop) {
      const double distance = exact_mean(chunks[i]) - mean;
      seen += distance * distance * static_cast<double>(chunks[i].pixels.size());
    } else {
      seen += spread(chunks[i], mean);
      pixels += chunks[i].pixels.size();
    }
  }
  const double all = spread(gray, mean);
  out.pixels = static_cast<double>(pixels) / static_cast<double>(gray.pixels.size());
  out.variance = all > 0 ? seen / all : 0;
  return out;
}

Image seen_by_server(const Image& gray, const ChunkGrid& grid, std::span<const std::int32_t> index, PlainChunks plain,
                     int zoom) {
  if (zoom < 1 || zoom > kMostZoom) {
    throw InvalidArgument("a zoom of " + std::to_string(zoom) + ": take 1 to " + std::to_string(kMostZoom));
  }
  std::vector<Image> chunks = chunks_of(gray, grid, index);
  for (std::size_t i = 0; i < chunks.size(); ++i) {
    if (index[i] > 0) {
      hide(chunks[i], grid.area(i));
    } else if (plain == PlainChunks::kDrop) {
      flatten(chunks[i]);
    }
  }
  return zoomed(merge(chunks, grid), zoom);
}

}  // namespace blindsight::vision
