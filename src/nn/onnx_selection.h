// Tensors whose elements are another's, picked axis by axis: Slice, Pad, Transpose, Expand, Gather. Private to the
// room.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "blindsight/nn/tensor.h"

namespace blindsight::nn {

/// Element (o0, o1, ...) of the result is element p of the input with p[axis[i]] = position[i][oi], or a fill value
/// where that position is kFill.
struct Selection {
  static constexpr std::int64_t kFill = -1;

  Shape input;
  std::vector<std::size_t> axis;  ///< a permutation of the input's axes, one per axis of the result
  std::vector<std::vector<std::int64_t>> position;

  /// Everything, as it is.
  explicit Selection(const Shape& shape);

  Shape shape() const;

  /// Calls f(index into the row-major input, or kFill) for every element of the result, in row-major order.
  template <typename F>
  void for_each(F&& f) const {
    std::vector<std::int64_t> stride(input.size(), 1);
    for (std::size_t i = input.size(); i-- > 1;) stride[i - 1] = stride[i] * input[i];
    visit(0, 0, stride, f);
  }

 private:
  template <typename F>
  void visit(std::size_t i, std::int64_t offset, const std::vector<std::int64_t>& stride, F&& f) const {
    if (i == axis.size()) return f(offset);
    for (const std::int64_t p : position[i]) {
      visit(i + 1, p == kFill || offset == kFill ? kFill : offset + p * stride[axis[i]], stride, f);
    }
  }
};

/// Throws InvalidArgument where the axis doesn't exist.
std::size_t normal_axis(std::int64_t axis, std::size_t rank);

/// `axes`, `ends` and `steps` as in ONNX Slice. Throws InvalidArgument where they don't fit.
Selection select_slice(const Shape& shape, const std::vector<std::int64_t>& starts,
                       const std::vector<std::int64_t>& ends, const std::vector<std::int64_t>& axes,
                       const std::vector<std::int64_t>& steps);

enum class PadMode { constant, edge, reflect };

/// `pads` as in ONNX: all begins, then all ends; negative ones crop. Throws InvalidArgument where they don't fit.
Selection select_padded(const Shape& shape, const std::vector<std::int64_t>& pads, PadMode mode);

/// Throws InvalidArgument unless `order` is a permutation of the axes.
Selection select_transposed(const Shape& shape, const std::vector<std::int64_t>& order);

/// Axes of extent 1 repeated as `target` says, of the same rank.
Selection select_repeated(const Shape& shape, const Shape& target);

/// The positions `indices` along `axis`, negative ones from its end. Throws InvalidArgument beyond its extent.
Selection select_indices(const Shape& shape, std::size_t axis, const std::vector<std::int64_t>& indices);

}  // namespace blindsight::nn
