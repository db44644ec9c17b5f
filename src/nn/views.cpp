#include "blindsight/nn/views.h"

#include <algorithm>
#include <utility>

#include "blindsight/base/error.h"

namespace blindsight::nn {
namespace {

constexpr std::size_t kViews = 2;

/// How the tensors of two views share one.
class Alternation {
 public:
  explicit Alternation(const Shape& shape)
      : plane_(element_count(shape) / static_cast<std::size_t>(std::max<std::int64_t>(1, shape[0]))) {}

  std::size_t plane() const { return plane_; }
  /// Element of the shared tensor that holds a view's.
  std::uint32_t at(std::size_t element, std::size_t view) const {
    return static_cast<std::uint32_t>((element / plane_ * kViews + view) * plane_ + element % plane_);
  }

 private:
  std::size_t plane_;
};

Shape doubled(Shape shape) {
  shape[0] *= static_cast<std::int64_t>(kViews);
  return shape;
}

void add_row(SparseMatrix& to, const SparseMatrix& from, std::size_t row, const Alternation& columns,
             std::size_t view) {
  for (std::uint32_t i = from.row_begin[row]; i < from.row_begin[row + 1]; ++i) {
    to.col.push_back(columns.at(from.col[i], view));
    to.value.push_back(from.value[i]);
  }
}

SparseMatrix empty_map(std::size_t rows, std::size_t cols) {
  SparseMatrix map;
  map.rows = rows;
  map.cols = cols;
  map.row_begin.push_back(0);
  return map;
}

void end_row(SparseMatrix& map) { map.row_begin.push_back(static_cast<std::uint32_t>(map.col.size())); }

/// The map on each view by itself.
SparseMatrix on_each(const SparseMatrix& map, const Alternation& rows, const Alternation& columns) {
  SparseMatrix out = empty_map(kViews * map.rows, kViews * map.cols);
  for (std::size_t first = 0; first < map.rows; first += rows.plane()) {
    for (std::size_t view = 0; view < kViews; ++view) {
      for (std::size_t r = first; r < first + rows.plane(); ++r) {
        add_row(out, map, r, columns, view);
        end_row(out);
      }
    }
  }
  return out;
}

/// The mean of the map over both views.
SparseMatrix mean_of_both(const SparseMatrix& map, const Alternation& columns) {
  SparseMatrix out = empty_map(map.rows, kViews * map.cols);
  std::vector<std::pair<std::uint32_t, double>> row;
  for (std::size_t r = 0; r < map.rows; ++r) {
    row.clear();
    for (std::uint32_t i = map.row_begin[r]; i < map.row_begin[r + 1]; ++i) {
      for (std::size_t view = 0; view < kViews; ++view) {
        row.emplace_back(columns.at(map.col[i], view), map.value[i] / kViews);
      }
    }
    std::sort(row.begin(), row.end());
    for (const auto& [column, weight] : row) {
      out.col.push_back(column);
      out.value.push_back(weight);
    }
    end_row(out);
  }
  return out;
}

/// The element that stands in its place in the mirror image.
std::uint32_t mirrored_element(std::uint32_t element, const Shape& image) {
  const auto width = static_cast<std::uint32_t>(image[2]), column = element % width;
  return element - column + (width - 1 - column);
}

void require_image(const Shape& shape) {
  if (shape.size() == 3) return;
  throw InvalidArgument("only an image has a mirror image, a tensor of shape " + to_string(shape) + " has none");
}

}  // namespace

std::vector<double> mirrored(std::span<const double> image, const Shape& shape) {
  require_image(shape);
  if (image.size() != static_cast<std::size_t>(element_count(shape)))
    throw InvalidArgument("an image of another shape than " + to_string(shape));
  std::vector<double> out(image.size());
  for (std::uint32_t e = 0; e < out.size(); ++e) out[e] = image[mirrored_element(e, shape)];
  return out;
}

std::vector<std::uint32_t> mirror_image_sources(const Shape& image) {
  require_image(image);
  const Alternation views(image);
  std::vector<std::uint32_t> sources(kViews * element_count(image));
  for (std::uint32_t e = 0; e < element_count(image); ++e) {
    sources[views.at(e, 0)] = e;
    sources[views.at(e, 1)] = mirrored_element(e, image);
  }
  return sources;
}

QuadraticNetwork with_mirror_image(const QuadraticNetwork& network) {
  const auto shape_of = [&](std::size_t value) {
    return value == 0 ? network.input_shape : network.stages[value - 1].shape;
  };
  QuadraticNetwork out = network;
  out.input_shape = doubled(network.input_shape);
  for (std::size_t s = 0; s < out.stages.size(); ++s) {
    Stage& stage = out.stages[s];
    const bool last = s + 1 == out.stages.size();
    const Alternation rows(stage.shape);
    for (StageTerm& term : stage.terms) {
      const Alternation columns(shape_of(term.value));
      term.matrix = last ? mean_of_both(term.matrix, columns) : on_each(term.matrix, rows, columns);
    }
    if (last) continue;
    std::vector<double> bias(kViews * stage.bias.size());
    for (std::size_t e = 0; e < stage.bias.size(); ++e) {
      for (std::size_t view = 0; view < kViews; ++view) bias[rows.at(e, view)] = stage.bias[e];
    }
    stage.bias = std::move(bias);
    stage.shape = doubled(stage.shape);
  }
  return out;
}

}  // namespace blindsight::nn
