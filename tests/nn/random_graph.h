// Small random networks with branches, the same for a seed on every machine; for the tests of all rooms.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "blindsight/nn/graph.h"

namespace blindsight::nn::testing {

struct RandomGraphOptions {
  unsigned max_depth = 4;            ///< of to_network(graph): activations on the longest way, plus 1
  std::int64_t max_elements = 1024;  ///< of any tensor: fits the slots of N = 2^12
  bool zero_squares = true;          ///< whether activations may lack their square in some channels
};

/// Appends random layers to a graph. Values stay near 1 for inputs in [-1, 1].
class RandomGraph {
 public:
  explicit RandomGraph(std::uint64_t seed, const RandomGraphOptions& options = {}) : engine_(seed), options_(options) {}

  Graph build() {
    graph_.name = "random";
    graph_.input_name = "x";
    graph_.output_name = "y";
    graph_.input_shape = {integer(1, 3), integer(4, 9), integer(4, 9)};
    std::size_t x = chance(8) ? 0 : conv(0);
    const auto activations = static_cast<unsigned>(integer(0, static_cast<std::int64_t>(options_.max_depth) - 1));
    while (depth_ < activations) x = block(x, activations - depth_);
    if (chance(3)) x = pool(x);
    x = reshape(x);
    dense(x, integer(2, 10));
    return std::move(graph_);
  }

 private:
  std::int64_t integer(std::int64_t low, std::int64_t high) {
    return low + static_cast<std::int64_t>(engine_() % static_cast<std::uint64_t>(high - low + 1));
  }
  bool chance(std::int64_t one_in) { return integer(1, one_in) == 1; }
  /// Uniform in [-1, 1).
  double real() { return static_cast<double>(engine_() >> 11) * 0x1p-52 - 1; }
  std::vector<double> reals(std::int64_t count, double size) {
    std::vector<double> values(count);
    for (double& value : values) value = size * real();
    return values;
  }

  const Shape& shape(std::size_t tensor) const { return graph_.shape_of(tensor); }

  std::size_t add(std::string type, Operation operation, std::vector<std::size_t> inputs, Shape result) {
    const std::string name = type + std::to_string(graph_.nodes.size() + 1);
    graph_.nodes.push_back({name, std::move(type), std::move(operation), std::move(inputs), std::move(result)});
    return graph_.nodes.size();
  }

  /// One activation deeper, or two.
  std::size_t block(std::size_t x, unsigned room) {
    switch (integer(0, room > 1 ? 10 : 5)) {
      case 0:
        return conv(activation(x));
      case 1:
        return gather(activation(conv(x)));
      case 2:
        return pool(activation(batch_norm(conv(x))));
      case 3:  // branches of equal depth
        x = activation(x);
        return sum(same_conv(x, shape(x)[0]), x);
      case 4:  // pre-activation, the shortcut around the activation
        return sum(same_conv(activation(x), shape(x)[0]), x);
      case 5:
        return concat(same_conv(activation(x), integer(1, 2)), x);
      case 6:
        return activation(conv(activation(x)));
      default: {  // the block of a residual network, its shortcut a 1x1 convolution or the tensor itself
        x = activation(batch_norm(conv(x)));
        const std::size_t inner = activation(same_conv(x, shape(x)[0]));
        const std::int64_t channels = shape(x)[0];
        return sum(same_conv(inner, channels), chance(2) ? x : pointwise(x, channels));
      }
    }
  }

  /// Stride, padding, dilation, groups and kernel at random, within the image and max_elements.
  std::size_t conv(std::size_t x) {
    const Shape in = shape(x);
    Conv layer;
    Shape out{0, 0, 0};
    Pair kernel{};
    for (int axis = 0; axis < 2; ++axis) {
      kernel[axis] = integer(1, std::min<std::int64_t>(4, in[axis + 1]));
      layer.dilations[axis] = kernel[axis] * 2 - 1 <= in[axis + 1] ? integer(1, 2) : 1;
      const std::int64_t extent = (kernel[axis] - 1) * layer.dilations[axis] + 1;
      layer.strides[axis] = in[axis + 1] > 4 ? integer(1, 3) : 1;
      // No window lies in the padding entirely: the network would soon be constant.
      layer.pads[axis] = integer(0, std::min<std::int64_t>(2, extent - 1));
      layer.pads[axis + 2] = integer(0, std::min<std::int64_t>(2, extent - 1));
      out[axis + 1] = (in[axis + 1] + layer.pads[axis] + layer.pads[axis + 2] - extent) / layer.strides[axis] + 1;
    }
    layer.groups = in[0] % 2 == 0 && chance(3) ? 2 : 1;
    const std::int64_t most = std::max<std::int64_t>(1, options_.max_elements / (out[1] * out[2]) / layer.groups);
    out[0] = layer.groups * integer(1, std::min<std::int64_t>(most, 4));
    return finish_conv(std::move(layer), x, {out[0], in[0] / layer.groups, kernel[0], kernel[1]}, out);
  }

  std::size_t same_conv(std::size_t x, std::int64_t channels) {
    Conv layer;
    layer.pads = {1, 1, 1, 1};
    const Shape in = shape(x);
    return finish_conv(std::move(layer), x, {channels, in[0], 3, 3}, {channels, in[1], in[2]});
  }

  std::size_t pointwise(std::size_t x, std::int64_t channels) {
    const Shape in = shape(x);
    return finish_conv(Conv(), x, {channels, in[0], 1, 1}, {channels, in[1], in[2]});
  }

  std::size_t finish_conv(Conv layer, std::size_t x, const Shape& weight, const Shape& out) {
    const std::int64_t fan_in = weight[1] * weight[2] * weight[3];
    layer.weight = {weight, reals(weight[0] * fan_in, std::sqrt(3.0 / static_cast<double>(fan_in)))};
    layer.bias = reals(weight[0], 0.5);
    return add("Conv", std::move(layer), {x}, out);
  }

  std::size_t batch_norm(std::size_t x) {
    const std::int64_t channels = shape(x)[0];
    std::vector<double> scale = reals(channels, 0.5);
    for (double& value : scale) value += std::copysign(0.5, value);
    x = add("BatchNormalization", MulConst{std::move(scale)}, {x}, shape(x));
    return add("BatchNormalization", AddConst{reals(channels, 0.5)}, {x}, shape(x));
  }

  /// x², or a·x² + b·x + c with one coefficient a channel, written as a sum or by Horner's rule.
  std::size_t activation(std::size_t x) {
    ++depth_;
    if (chance(3)) {
      x = add("Mul", Square(), {x}, shape(x));
      squared_.insert(x);
      return x;
    }
    const std::int64_t channels = shape(x)[0];
    std::vector<double> a = reals(channels, 0.3);
    for (double& value : a) value += std::copysign(0.1, value);
    if (options_.zero_squares && chance(4)) a[integer(0, channels - 1)] = 0;
    const MulConst linear{reals(channels, 1)};
    const AddConst constant{reals(channels, 0.5)};
    // Horner's rule only where x is affine itself: x·(a·x + b) is no plain square of a square.
    const bool horner = !squared_.contains(x) && chance(2);
    const std::size_t square = horner ? x : add("Mul", Square(), {x}, shape(x));
    const std::size_t scaled = add("Mul", MulConst{std::move(a)}, {square}, shape(x));
    std::size_t y = 0;
    if (horner) {
      y = add("Add", AddConst{linear.value}, {scaled}, shape(x));
      y = add("Mul", Product(), {x, y}, shape(x));
    } else {
      y = sum(scaled, add("Mul", linear, {x}, shape(x)));
    }
    y = add("Add", constant, {y}, shape(x));
    squared_.insert(y);
    return y;
  }

  std::size_t sum(std::size_t x, std::size_t y) { return add("Add", Add(), {x, y}, shape(x)); }

  std::size_t pool(std::size_t x) {
    const Shape in = shape(x);
    if (chance(4)) return add("GlobalAveragePool", GlobalAveragePool(), {x}, {in[0], 1, 1});
    AveragePool layer;
    Shape out = in;
    for (int axis = 0; axis < 2; ++axis) {
      layer.kernel[axis] = integer(1, std::min<std::int64_t>(3, in[axis + 1]));
      layer.strides[axis] = integer(1, 3);
      layer.pads[axis] = integer(0, layer.kernel[axis] - 1);
      out[axis + 1] = (in[axis + 1] + layer.pads[axis] - layer.kernel[axis]) / layer.strides[axis] + 1;
    }
    layer.count_include_pad = chance(2);
    return add("AveragePool", layer, {x}, out);
  }

  /// A strided slice of the rows, or padding of channels and columns, at their end: strides always read an image's
  /// first pixel, which thus depends on the input throughout the network.
  std::size_t gather(std::size_t x) {
    const Shape in = shape(x);
    const bool slice = chance(2);
    const Shape grown{in[0] + 1, in[1], in[2] + 2};
    if (!slice && grown[0] * grown[1] * grown[2] > options_.max_elements) return x;
    const Shape out = slice ? Shape{in[0], (in[1] + 1) / 2, in[2]} : grown;
    Gather layer;
    layer.constants = {chance(2) ? 0.0 : 0.5};
    for (std::int64_t c = 0; c < out[0]; ++c) {
      for (std::int64_t r = 0; r < out[1]; ++r) {
        for (std::int64_t k = 0; k < out[2]; ++k) {
          const std::int64_t row = slice ? 2 * r : r;
          const bool inside = c < in[0] && k < in[2];
          const std::int64_t index = (c * in[1] + row) * in[2] + k;
          layer.sources.push_back(inside ? Gather::Source{0, static_cast<std::uint32_t>(index)}
                                         : Gather::Source{Gather::kConstant, 0});
        }
      }
    }
    return add(slice ? "Slice" : "Pad", std::move(layer), {x}, out);
  }

  std::size_t concat(std::size_t x, std::size_t y) {
    const Shape out{shape(x)[0] + shape(y)[0], shape(x)[1], shape(x)[2]};
    if (out[0] * out[1] * out[2] > options_.max_elements) return x;
    Gather layer;
    for (std::uint32_t part = 0; part < 2; ++part) {
      const std::int64_t count = element_count(shape(part == 0 ? x : y));
      for (std::int64_t i = 0; i < count; ++i) layer.sources.push_back({part, static_cast<std::uint32_t>(i)});
    }
    return add("Concat", std::move(layer), {x, y}, out);
  }

  std::size_t reshape(std::size_t x) { return add("Flatten", Reshape(), {x}, {element_count(shape(x))}); }

  std::size_t dense(std::size_t x, std::int64_t outputs) {
    const std::int64_t inputs = shape(x)[0];
    Dense layer;
    layer.weight = {{outputs, inputs}, reals(outputs * inputs, std::sqrt(3.0 / static_cast<double>(inputs)))};
    layer.bias = reals(outputs, 0.5);
    return add("Gemm", std::move(layer), {x}, {outputs});
  }

  std::mt19937_64 engine_;
  RandomGraphOptions options_;
  Graph graph_;
  unsigned depth_ = 0;
  std::set<std::size_t> squared_;  ///< tensors that are an activation's result
};

inline Graph random_graph(std::uint64_t seed, const RandomGraphOptions& options = {}) {
  return RandomGraph(seed, options).build();
}

/// An input for it, uniform in [-1, 1).
inline Tensor random_graph_input(const Graph& graph, std::uint64_t seed) {
  std::mt19937_64 engine(seed);
  Tensor image{graph.input_shape, std::vector<double>(element_count(graph.input_shape))};
  for (double& value : image.data) value = static_cast<double>(engine() >> 11) * 0x1p-52 - 1;
  return image;
}

}  // namespace blindsight::nn::testing
