#include "blindsight/nn/onnx_selection.h"

#include <algorithm>
#include <numeric>

#include "blindsight/base/error.h"

namespace blindsight::nn {
namespace {

/// Pads beyond this have no use and would only invite overflow.
constexpr std::int64_t kMaxPad = 1 << 16;

std::vector<std::int64_t> range(std::int64_t extent) {
  std::vector<std::int64_t> positions(extent);
  std::iota(positions.begin(), positions.end(), 0);
  return positions;
}

std::vector<std::int64_t> sliced(std::int64_t extent, std::int64_t start, std::int64_t end, std::int64_t step) {
  if (step == 0) throw InvalidArgument("a slice has a step of 0");
  if (extent == 0) return {};
  if (start < 0) start += extent;
  if (end < 0) end += extent;
  std::vector<std::int64_t> positions;
  if (step > 0) {
    start = std::clamp<std::int64_t>(start, 0, extent);
    end = std::clamp<std::int64_t>(end, 0, extent);
    for (std::int64_t p = start; p < end; p += step) positions.push_back(p);
  } else {
    start = std::clamp<std::int64_t>(start, 0, extent - 1);
    end = std::clamp<std::int64_t>(end, -1, extent - 1);
    for (std::int64_t p = start; p > end; p += step) positions.push_back(p);
  }
  return positions;
}

std::int64_t padded_position(std::int64_t p, std::int64_t extent, PadMode mode) {
  if (p >= 0 && p < extent) return p;
  if (mode == PadMode::constant) return Selection::kFill;
  if (mode == PadMode::edge) return p < 0 ? 0 : extent - 1;
  const std::int64_t mirrored = p < 0 ? -p : 2 * (extent - 1) - p;
  if (mirrored < 0 || mirrored >= extent) throw InvalidArgument("a reflection is wider than the image");
  return mirrored;
}

}  // namespace

Selection::Selection(const Shape& shape) : input(shape), axis(shape.size()) {
  std::iota(axis.begin(), axis.end(), std::size_t{0});
  for (const std::int64_t extent : shape) position.push_back(range(extent));
}

Shape Selection::shape() const {
  Shape result;
  for (const auto& positions : position) result.push_back(static_cast<std::int64_t>(positions.size()));
  return result;
}

std::size_t normal_axis(std::int64_t axis, std::size_t rank) {
  const auto signed_rank = static_cast<std::int64_t>(rank);
  if (axis < -signed_rank || axis >= signed_rank) {
    throw InvalidArgument("axis " + std::to_string(axis) + " doesn't exist");
  }
  return axis < 0 ? axis + signed_rank : axis;
}

Selection select_slice(const Shape& shape, const std::vector<std::int64_t>& starts,
                       const std::vector<std::int64_t>& ends, const std::vector<std::int64_t>& axes,
                       const std::vector<std::int64_t>& steps) {
  if (ends.size() != starts.size() || axes.size() != starts.size() || steps.size() != starts.size()) {
    throw InvalidArgument("a slice needs as many starts as ends, axes and steps");
  }
  Selection selection(shape);
  std::vector<char> seen(shape.size(), 0);
  for (std::size_t i = 0; i < starts.size(); ++i) {
    const std::size_t axis = normal_axis(axes[i], shape.size());
    if (seen[axis]) throw InvalidArgument("axis " + std::to_string(axes[i]) + " is sliced twice");
    seen[axis] = 1;
    selection.position[axis] = sliced(shape[axis], starts[i], ends[i], steps[i]);
  }
  return selection;
}

Selection select_padded(const Shape& shape, const std::vector<std::int64_t>& pads, PadMode mode) {
  const std::size_t rank = shape.size();
  if (pads.size() != 2 * rank) throw InvalidArgument(std::to_string(pads.size()) + " pads for " + to_string(shape));
  Selection selection(shape);
  for (std::size_t i = 0; i < rank; ++i) {
    const std::int64_t before = pads[i];
    const std::int64_t after = pads[rank + i];
    if (std::max(std::abs(before), std::abs(after)) > kMaxPad || shape[i] + before + after < 0) {
      throw InvalidArgument("pads of " + std::to_string(before) + " and " + std::to_string(after) + " for " +
                            to_string(shape));
    }
    selection.position[i].clear();
    for (std::int64_t p = -before; p < shape[i] + after; ++p) {
      selection.position[i].push_back(padded_position(p, shape[i], mode));
    }
  }
  return selection;
}

Selection select_transposed(const Shape& shape, const std::vector<std::int64_t>& order) {
  std::vector<char> seen(shape.size(), 0);
  if (order.size() != shape.size()) throw InvalidArgument("perm has another number of axes than the tensor");
  Selection selection(shape);
  for (std::size_t i = 0; i < order.size(); ++i) {
    if (order[i] < 0 || order[i] >= static_cast<std::int64_t>(shape.size()) || seen[order[i]]) {
      throw InvalidArgument("perm isn't a permutation of the axes");
    }
    seen[order[i]] = 1;
    selection.axis[i] = order[i];
    selection.position[i] = range(shape[order[i]]);
  }
  return selection;
}

Selection select_repeated(const Shape& shape, const Shape& target) {
  Selection selection(shape);
  for (std::size_t i = 0; i < shape.size(); ++i) {
    if (shape[i] == target[i]) continue;
    if (shape[i] != 1) throw InvalidArgument("can't expand " + to_string(shape) + " to " + to_string(target));
    selection.position[i].assign(target[i], 0);
  }
  return selection;
}

Selection select_indices(const Shape& shape, std::size_t axis, const std::vector<std::int64_t>& indices) {
  Selection selection(shape);
  selection.position[axis].clear();
  for (const std::int64_t index : indices) {
    if (index < -shape[axis] || index >= shape[axis]) {
      throw InvalidArgument("index " + std::to_string(index) + " is out of range");
    }
    selection.position[axis].push_back(index < 0 ? index + shape[axis] : index);
  }
  return selection;
}

}  // namespace blindsight::nn
