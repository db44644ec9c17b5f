#include "blindsight/nn/evaluate.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "blindsight/nn/convolve.h"
#include "model_builder.h"

namespace blindsight::nn {
namespace {

using namespace testing;

/// The definition, element by element, without any of the evaluator's short cuts.
double conv_at(const Conv& conv, const Tensor& x, std::int64_t o, std::int64_t r, std::int64_t c) {
  const Shape& w = conv.weight.shape;
  const std::int64_t group = o / (w[0] / conv.groups);
  double sum = conv.bias[o];
  for (std::int64_t i = 0; i < w[1]; ++i) {
    for (std::int64_t kh = 0; kh < w[2]; ++kh) {
      for (std::int64_t kw = 0; kw < w[3]; ++kw) {
        const std::int64_t y = r * conv.strides[0] - conv.pads[0] + kh * conv.dilations[0];
        const std::int64_t z = c * conv.strides[1] - conv.pads[1] + kw * conv.dilations[1];
        if (y < 0 || z < 0 || y >= x.shape[1] || z >= x.shape[2]) continue;
        sum += conv.weight.data[((o * w[1] + i) * w[2] + kh) * w[3] + kw] *
               x.data[((group * w[1] + i) * x.shape[1] + y) * x.shape[2] + z];
      }
    }
  }
  return sum;
}

Doubles naive_conv(const Conv& conv, const Tensor& x, const Shape& out) {
  Doubles y;
  for (std::int64_t o = 0; o < out[0]; ++o) {
    for (std::int64_t r = 0; r < out[1]; ++r) {
      for (std::int64_t c = 0; c < out[2]; ++c) y.push_back(conv_at(conv, x, o, r, c));
    }
  }
  return y;
}

TEST(Evaluate, RandomConvolutionsMatchTheDefinition) {
  Random random(11);
  for (unsigned round = 0; round < 150; ++round) {
    const std::int64_t groups = random.integer(1, 3);
    const std::int64_t in = groups * random.integer(1, 2), out = groups * random.integer(1, 3);
    const std::int64_t kh = random.integer(1, 4), kw = random.integer(1, 4);
    const Ints strides{random.integer(1, 3), random.integer(1, 3)};
    const Ints dilations{random.integer(1, 2), random.integer(1, 2)};
    const Ints pads{random.integer(0, 3), random.integer(0, 3), random.integer(0, 3), random.integer(0, 3)};
    ModelBuilder model({1, in, random.integer(7, 11), random.integer(7, 11)});
    model.weight("w", {out, in / groups, kh, kw}, random.reals(out * in / groups * kh * kw));
    model.weight("b", {out}, random.reals(out));
    auto& node = model.node("Conv", "conv", {"x", "w", "b"});
    set(node, "strides", strides);
    set(node, "dilations", dilations);
    set(node, "pads", pads);
    set(node, "group", groups);
    model.node("Flatten", "flat", {"conv"});
    const Graph graph = model.import();
    const Tensor image = random_image(graph, round);
    const Conv& conv = std::get<Conv>(graph.nodes[0].operation);
    const Shape& shape = graph.nodes[0].shape;
    ASSERT_EQ(shape[1], (graph.input_shape[1] + pads[0] + pads[2] - (kh - 1) * dilations[0] - 1) / strides[0] + 1);
    ASSERT_EQ(shape[2], (graph.input_shape[2] + pads[1] + pads[3] - (kw - 1) * dilations[1] - 1) / strides[1] + 1);
    expect_close(evaluate(graph, image).data, naive_conv(conv, image, shape));
    expect_network_equals_graph(graph, round);
  }
}

/// Wide enough for several tiles and blocks of filters, deep enough for several runs of weights.
TEST(Evaluate, ConvolutionsAreBitIdenticalOnEveryInstructionSet) {
  Random random(13);
  for (const Shape& weight : {Shape{7, 5, 3, 3}, Shape{4, 70, 3, 3}, Shape{1, 1, 1, 1}}) {
    Conv conv;
    conv.weight = {weight, {}};
    // Values that don't come out even, so that a fused multiply-add would show.
    for (std::int64_t i = 0; i < element_count(weight); ++i) conv.weight.data.push_back(std::sin(i + 0.1));
    conv.bias = random.reals(weight[0]);
    conv.strides = {1, 2};
    conv.pads = {1, 0, 1, 2};
    const Tensor x{{weight[1], 13, 29}, random.reals(weight[1] * 13 * 29)};
    const Shape out{weight[0], 13 + 2 - weight[2] + 1, (29 + 2 - weight[3]) / 2 + 1};
    const Doubles expected = convolve(conv, x.data, x.shape, out, ConvolveSet::portable);
    expect_close(expected, naive_conv(conv, x, out), 1e-13);
    EXPECT_EQ(expected, convolve(conv, x.data, x.shape, out));
    for (const ConvolveSet set : convolve_sets()) EXPECT_EQ(expected, convolve(conv, x.data, x.shape, out, set));
  }
}

Doubles naive_pool(const AveragePool& pool, const Tensor& x, const Shape& out) {
  Doubles y;
  for (std::int64_t channel = 0; channel < out[0]; ++channel) {
    for (std::int64_t r = 0; r < out[1]; ++r) {
      for (std::int64_t c = 0; c < out[2]; ++c) {
        double sum = 0, inside = 0;
        for (std::int64_t kh = 0; kh < pool.kernel[0]; ++kh) {
          for (std::int64_t kw = 0; kw < pool.kernel[1]; ++kw) {
            const std::int64_t i = r * pool.strides[0] - pool.pads[0] + kh;
            const std::int64_t j = c * pool.strides[1] - pool.pads[1] + kw;
            if (i < 0 || j < 0 || i >= x.shape[1] || j >= x.shape[2]) continue;
            sum += x.data[(channel * x.shape[1] + i) * x.shape[2] + j];
            ++inside;
          }
        }
        y.push_back(sum / (pool.count_include_pad ? static_cast<double>(pool.kernel[0] * pool.kernel[1]) : inside));
      }
    }
  }
  return y;
}

TEST(Evaluate, RandomPoolsMatchTheDefinition) {
  Random random(12);
  for (unsigned round = 0; round < 60; ++round) {
    ModelBuilder model({1, random.integer(1, 3), random.integer(5, 9), random.integer(5, 9)}, 11);
    auto& node = model.node("AveragePool", "pool", {"x"});
    set(node, "kernel_shape", Ints{random.integer(2, 4), random.integer(2, 4)});
    set(node, "strides", Ints{random.integer(1, 3), random.integer(1, 3)});
    set(node, "pads", Ints{random.integer(0, 1), random.integer(0, 1), random.integer(0, 1), random.integer(0, 1)});
    set(node, "count_include_pad", random.integer(0, 1));
    model.node("Flatten", "flat", {"pool"});
    const Graph graph = model.import();
    const Tensor image = random_image(graph, round);
    expect_close(evaluate(graph, image).data,
                 naive_pool(std::get<AveragePool>(graph.nodes[0].operation), image, graph.nodes[0].shape));
    expect_network_equals_graph(graph, round);
  }
}

TEST(Evaluate, DenseAndElementWiseLayers) {
  ModelBuilder model({1, 1, 1, 3});
  model.weight("w", {2, 3}, {1, 2, 3, -1, 0, 0.5}).weight("b", {2}, {10, 20}).weight("c", {2}, {0.5, 2});
  model.node("Flatten", "flat", {"x"});
  set(model.node("Gemm", "fc", {"flat", "w", "b"}), "transB", std::int64_t{1});
  model.node("Mul", "square", {"fc", "fc"});
  model.node("Mul", "scaled", {"square", "c"});
  model.node("Add", "sum", {"scaled", "fc"});
  const Graph graph = model.import();
  const Doubles y = evaluate(graph, {{1, 1, 3}, {1, -1, 2}}).data;  // fc = {15, 20}
  EXPECT_EQ(y, (Doubles{15 * 15 * 0.5 + 15, 20 * 20 * 2.0 + 20}));
}

TEST(Evaluate, GlobalAveragePoolIsTheMeanOfAChannel) {
  ModelBuilder model({1, 2, 1, 2});
  model.output_rank(4).node("GlobalAveragePool", "pool", {"x"});
  const Graph graph = model.import();
  EXPECT_EQ(evaluate(graph, {{2, 1, 2}, {1, 2, 5, 9}}).data, (Doubles{1.5, 7}));
  EXPECT_EQ(graph.shape_of(graph.output()), (Shape{2}));
}

TEST(Evaluate, IsDeterministic) {
  const Graph graph = sample_network().import();
  const Tensor image = random_image(graph, 5);
  EXPECT_EQ(evaluate(graph, image).data, evaluate(graph, image).data);
}

}  // namespace
}  // namespace blindsight::nn
