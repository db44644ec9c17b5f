// Where sliding windows fall on an image: shared by the evaluator and the lowering to matrices.
#pragma once

#include <algorithm>
#include <cstdint>

#include "blindsight/nn/graph.h"

namespace blindsight::nn {

/// One kernel position along one axis: the output positions first..last-1 read input position source(output).
struct Tap {
  std::int64_t first;
  std::int64_t last;
  std::int64_t stride;
  std::int64_t offset;

  std::int64_t source(std::int64_t output) const { return output * stride + offset; }
};

/// The tap of kernel position k along `axis` (0 height, 1 width); positions in the padding are left out.
inline Tap make_tap(const Conv& conv, int axis, std::int64_t k, std::int64_t in, std::int64_t out) {
  const std::int64_t stride = conv.strides[axis];
  const std::int64_t offset = k * conv.dilations[axis] - conv.pads[axis];
  const std::int64_t first = offset >= 0 ? 0 : (-offset + stride - 1) / stride;
  const std::int64_t last = in - 1 - offset < 0 ? 0 : std::min(out, (in - 1 - offset) / stride + 1);
  return {first, std::max(first, last), stride, offset};
}

/// The input positions first..last-1 of one pooling window along one axis, and the divisor that it contributes.
struct Window {
  std::int64_t first;
  std::int64_t last;
  std::int64_t divisor;
};

/// The window of output position `output` along `axis` (0 height, 1 width).
inline Window make_window(const AveragePool& pool, int axis, std::int64_t output, std::int64_t in) {
  const std::int64_t begin = output * pool.strides[axis] - pool.pads[axis];
  const std::int64_t first = std::max<std::int64_t>(begin, 0);
  const std::int64_t last = std::min(begin + pool.kernel[axis], in);
  return {first, last, pool.count_include_pad ? pool.kernel[axis] : last - first};
}

}  // namespace blindsight::nn
