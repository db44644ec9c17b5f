// Convolution and pooling: attributes, padding and the shapes that follow.
#include <algorithm>

#include "blindsight/base/error.h"
#include "blindsight/nn/onnx_importer.h"
#include "blindsight/nn/onnx_model.h"

namespace blindsight::nn {
namespace {

/// Strides, dilations, kernels and pads beyond this have no use and would only invite overflow.
constexpr std::int64_t kMaxWindow = 1 << 16;

Pair as_pair(const std::vector<std::int64_t>& values) { return {values[0], values[1]}; }

/// Extent that a dilated kernel covers.
Pair covered(const Pair& kernel, const Pair& dilations) {
  return {(kernel[0] - 1) * dilations[0] + 1, (kernel[1] - 1) * dilations[1] + 1};
}

}  // namespace

const Signal& Importer::need_image() const {
  const Signal& x = need_signal(0);
  if (x.shape.size() != 4) {
    refuse("must work on a batch of two-dimensional images, not on " + to_string(x.shape) +
           "; one- and three-dimensional layers can't be evaluated");
  }
  return x;
}

Pads Importer::padding(const Shape& image, const Pair& extent, const Pair& strides) const {
  const std::string mode = attributes().text("auto_pad", "NOTSET");
  if (mode == "NOTSET") {
    const auto pads = attributes().integers("pads", 4, 0, kMaxWindow, 0);
    return {pads[0], pads[1], pads[2], pads[3]};
  }
  if (mode == "VALID") return {};
  if (mode != "SAME_UPPER" && mode != "SAME_LOWER") malformed("auto_pad '" + printable(mode) + "' doesn't exist");
  Pads pads{};
  for (int axis = 0; axis < 2; ++axis) {
    const std::int64_t in = image[axis + 2];
    const std::int64_t out = (in + strides[axis] - 1) / strides[axis];
    const std::int64_t total = std::max<std::int64_t>((out - 1) * strides[axis] + extent[axis] - in, 0);
    const std::int64_t half = total / 2;
    pads[axis] = mode == "SAME_UPPER" ? half : total - half;
    pads[axis + 2] = total - pads[axis];
  }
  return pads;
}

Shape Importer::window_shape(const Shape& image, std::int64_t channels, const Pair& extent, const Pair& strides,
                             const Pads& pads) const {
  Shape shape{1, channels};
  for (int axis = 0; axis < 2; ++axis) {
    const std::int64_t room = image[axis + 2] + pads[axis] + pads[axis + 2] - extent[axis];
    if (room < 0) {
      refuse("a window of " + std::to_string(extent[axis]) + " is larger than its image of " + to_string(image));
    }
    shape.push_back(room / strides[axis] + 1);
  }
  return shape;
}

void Importer::lower_conv() {
  const Attributes attribute = attributes();
  const Signal& x = need_image();
  const Constant& weight = need_constant(1, "the weights");
  if (weight.shape.size() != 4)
    malformed("weights of shape " + to_string(weight.shape) + " where four axes are expected");
  if (weight.data.empty() || weight.shape[2] > kMaxWindow || weight.shape[3] > kMaxWindow) {
    malformed("weights of an impossible shape, " + to_string(weight.shape));
  }
  Conv conv;
  conv.groups = attribute.integer("group", 1);
  const std::int64_t outputs = weight.shape[0];
  if (conv.groups < 1 || conv.groups > outputs || outputs % conv.groups != 0 || x.shape[1] % conv.groups != 0 ||
      x.shape[1] / conv.groups != weight.shape[1]) {
    malformed("weights " + to_string(weight.shape) + " in " + std::to_string(conv.groups) +
              " groups don't fit an input of " + to_string(x.shape));
  }
  const Pair kernel{weight.shape[2], weight.shape[3]};
  if (attribute.has("kernel_shape") && as_pair(attribute.integers("kernel_shape", 2, 1, kMaxWindow, 1)) != kernel) {
    malformed("kernel_shape contradicts the weights of " + to_string(weight.shape));
  }
  conv.strides = as_pair(attribute.integers("strides", 2, 1, kMaxWindow, 1));
  conv.dilations = as_pair(attribute.integers("dilations", 2, 1, kMaxWindow, 1));
  const Pair extent = covered(kernel, conv.dilations);
  conv.pads = padding(x.shape, extent, conv.strides);
  const Shape shape = window_shape(x.shape, outputs, extent, conv.strides, conv.pads);
  charge(static_cast<std::int64_t>(weight.data.size()));
  conv.weight = {weight.shape, weight.data};
  conv.bias.assign(outputs, 0);
  if (has_input(2)) {
    const Constant& bias = need_constant(2, "the bias");
    if (bias.shape != Shape{outputs}) malformed("a bias of shape " + to_string(bias.shape));
    conv.bias = bias.data;
  }
  define(emit(std::move(conv), {x.tensor}, shape));
}

void Importer::lower_average_pool() {
  const Attributes attribute = attributes();
  const Signal& x = need_image();
  if (attribute.integer("ceil_mode", 0) != 0) refuse("ceil_mode isn't supported; use ceil_mode=False");
  if (!attribute.has("kernel_shape")) malformed("lacks kernel_shape");
  AveragePool pool;
  pool.kernel = as_pair(attribute.integers("kernel_shape", 2, 1, kMaxWindow, 1));
  pool.strides = as_pair(attribute.integers("strides", 2, 1, kMaxWindow, 1));
  if (as_pair(attribute.integers("dilations", 2, 1, kMaxWindow, 1)) != Pair{1, 1}) refuse("dilations aren't supported");
  pool.pads = padding(x.shape, pool.kernel, pool.strides);
  for (int i = 0; i < 4; ++i) {
    if (pool.pads[i] >= pool.kernel[i % 2]) refuse("a window would lie in the padding entirely; use smaller pads");
  }
  pool.count_include_pad = attribute.integer("count_include_pad", 0) != 0;
  const Shape shape = window_shape(x.shape, x.shape[1], pool.kernel, pool.strides, pool.pads);
  define(emit(pool, {x.tensor}, shape));
}

void Importer::lower_global_pool() {
  const Signal& x = need_image();
  define(emit(GlobalAveragePool{}, {x.tensor}, {1, x.shape[1], 1, 1}));
}

void Importer::lower_reduce_mean() {
  const Signal& x = need_image();
  std::vector<std::int64_t> axes = attributes().integers("axes").value_or(std::vector<std::int64_t>{});
  for (std::int64_t& axis : axes) {
    if (axis < 0) axis += 4;
  }
  std::sort(axes.begin(), axes.end());
  if (axes != std::vector<std::int64_t>{2, 3})
    refuse("only the mean over height and width (axes 2, 3) can be evaluated");
  const bool keep = attributes().integer("keepdims", 1) != 0;
  define(emit(GlobalAveragePool{}, {x.tensor}, keep ? Shape{1, x.shape[1], 1, 1} : Shape{1, x.shape[1]}));
}

}  // namespace blindsight::nn
