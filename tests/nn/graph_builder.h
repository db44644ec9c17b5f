// Graphs written layer by layer, with random weights that are the same for a seed on every machine.
#pragma once

#include <cmath>
#include <cstdint>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "blindsight/nn/graph.h"

namespace blindsight::nn::testing {

/// A chain of layers. Values stay near 1 for inputs in [-1, 1].
class GraphBuilder {
 public:
  struct ConvSpec {
    std::int64_t channels = 1;
    Pair kernel{3, 3};
    Pair strides{1, 1};
    Pair dilations{1, 1};
    Pads pads{};
    std::int64_t groups = 1;
  };

  GraphBuilder(std::uint64_t seed, Shape input) : engine_(seed) {
    graph_.name = "built";
    graph_.input_name = "x";
    graph_.output_name = "y";
    graph_.input_shape = std::move(input);
  }

  /// Of the last tensor.
  const Shape& shape() const { return graph_.shape_of(graph_.nodes.size()); }

  GraphBuilder& conv(const ConvSpec& spec) {
    const Shape in = shape();
    Conv layer;
    const Shape weight{spec.channels, in[0] / spec.groups, spec.kernel[0], spec.kernel[1]};
    layer.weight = {weight, reals(element_count(weight), fan_in(weight[1] * weight[2] * weight[3]))};
    layer.bias = reals(spec.channels, 0.5);
    layer.strides = spec.strides;
    layer.dilations = spec.dilations;
    layer.pads = spec.pads;
    layer.groups = spec.groups;
    Shape out{spec.channels, 0, 0};
    for (std::size_t axis = 0; axis < 2; ++axis) {
      const std::int64_t extent = (spec.kernel[axis] - 1) * spec.dilations[axis] + 1;
      out[axis + 1] = (in[axis + 1] + spec.pads[axis] + spec.pads[axis + 2] - extent) / spec.strides[axis] + 1;
    }
    return add("Conv", std::move(layer), std::move(out));
  }

  GraphBuilder& pool(const AveragePool& layer) {
    Shape out = shape();
    for (std::size_t axis = 0; axis < 2; ++axis) {
      const std::int64_t padded = out[axis + 1] + layer.pads[axis] + layer.pads[axis + 2];
      out[axis + 1] = (padded - layer.kernel[axis]) / layer.strides[axis] + 1;
    }
    return add("AveragePool", layer, std::move(out));
  }

  GraphBuilder& global_pool() { return add("GlobalAveragePool", GlobalAveragePool(), {shape()[0], 1, 1}); }

  GraphBuilder& square() { return add("Mul", Square(), shape(), 1); }

  /// a·x² + b·x + c with one coefficient a channel.
  GraphBuilder& quadratic() {
    const Shape in = shape();
    const std::size_t x = graph_.nodes.size();
    std::vector<double> a = reals(in[0], 0.3);
    for (double& value : a) value += std::copysign(0.1, value);
    square();
    add("Mul", MulConst{std::move(a)}, in);
    const std::size_t square = graph_.nodes.size();
    add("Mul", MulConst{reals(in[0], 1)}, in);
    graph_.nodes.back().inputs = {x};
    add("Add", Add(), in);
    graph_.nodes.back().inputs = {square, square + 1};
    return add("Add", AddConst{reals(in[0], 0.5)}, in);
  }

  GraphBuilder& flatten() { return add("Flatten", Reshape(), {element_count(shape())}); }

  /// Flattens first.
  GraphBuilder& dense(std::int64_t outputs) {
    if (shape().size() != 1) flatten();
    const std::int64_t inputs = shape()[0];
    Dense layer;
    layer.weight = {{outputs, inputs}, reals(outputs * inputs, fan_in(inputs))};
    layer.bias = reals(outputs, 0.5);
    return add("Gemm", std::move(layer), {outputs});
  }

  Graph build() { return std::move(graph_); }

 private:
  static double fan_in(std::int64_t count) { return std::sqrt(3.0 / static_cast<double>(count)); }
  std::vector<double> reals(std::int64_t count, double size) {
    std::vector<double> values(static_cast<std::size_t>(count));
    for (double& value : values) value = size * (static_cast<double>(engine_() >> 11) * 0x1p-52 - 1);
    return values;
  }
  GraphBuilder& add(std::string type, Operation operation, Shape result, std::size_t inputs = 1) {
    const std::size_t last = graph_.nodes.size();
    const std::string name = type + std::to_string(last + 1);
    graph_.nodes.push_back(
        {name, std::move(type), std::move(operation), std::vector<std::size_t>(inputs, last), std::move(result)});
    return *this;
  }

  std::mt19937_64 engine_;
  Graph graph_;
};

}  // namespace blindsight::nn::testing
