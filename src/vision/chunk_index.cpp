#include "blindsight/vision/chunk_index.h"

#include <algorithm>

#include "blindsight/base/error.h"
#include "blindsight/vision/gradient.h"

namespace blindsight::vision {
namespace {

double statistic_of(const std::vector<float>& magnitude, int stride, const ChunkArea& area, ChunkStatistic statistic) {
  double sum = 0;
  double largest = 0;
  for (int y = area.y; y < area.y + area.height; ++y) {
    for (int x = area.x; x < area.x + area.width; ++x) {
      const double value = magnitude[static_cast<std::size_t>(y) * stride + x];
      sum += value;
      largest = std::max(largest, value);
    }
  }
  return statistic == ChunkStatistic::kMaximum ? largest : sum / (area.width * area.height);
}

}  // namespace

std::vector<double> chunk_statistics(const Image& gray, const ChunkGrid& grid, ChunkStatistic statistic) {
  const std::vector<float> magnitude = gradient_magnitude(gray);
  if (gray.width != grid.image_width() || gray.height != grid.image_height()) {
    throw InvalidArgument("the image has another size than the grid of chunks: resize it first");
  }
  std::vector<double> out;
  for (std::size_t i = 0; i < grid.size(); ++i) {
    out.push_back(statistic_of(magnitude, gray.width, grid.area(i), statistic));
  }
  return out;
}

std::vector<std::int32_t> chunk_index(const Image& gray, const ChunkGrid& grid, const ChunkRule& rule) {
  if (!(rule.threshold >= 0)) {
    throw InvalidArgument("a threshold of " + std::to_string(rule.threshold) + ": take 0 (all chunks) or more");
  }
  std::vector<std::int32_t> index;
  for (const double value : chunk_statistics(gray, grid, rule.statistic)) {
    const auto number = static_cast<std::int32_t>(index.size()) + 1;
    index.push_back(value >= rule.threshold ? number : -number);
  }
  return index;
}

}  // namespace blindsight::vision
