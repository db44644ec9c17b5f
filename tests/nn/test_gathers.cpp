// Slice, Pad, Transpose, Concat, Split and their like, against the definition of each.
#include <gtest/gtest.h>

#include <functional>
#include <numeric>

#include "blindsight/base/error.h"
#include "blindsight/nn/evaluate.h"
#include "model_builder.h"

namespace blindsight::nn {
namespace {

using namespace testing;

/// 1, 2, 3, ... in the model's input shape.
Doubles counted(const Ints& shape) {
  Doubles values(std::accumulate(shape.begin(), shape.end(), std::int64_t{1}, std::multiplies<>()));
  std::iota(values.begin(), values.end(), 1);
  return values;
}

/// The flattened value of the model's last node for an image that counts its elements from 1.
Doubles result(ModelBuilder& model, const Ints& input) {
  const std::string last = model.graph().node(model.graph().node_size() - 1).output(0);
  model.node("Flatten", "flattened_result", {last});
  const Graph graph = model.import();
  expect_network_equals_graph(graph);
  return evaluate(graph, {Shape(input.begin() + 1, input.end()), counted(input)}).data;
}

onnx::NodeProto& slice(ModelBuilder& model, const std::string& name, const std::string& x, const Ints& starts,
                       const Ints& ends, const Ints& axes, const Ints& steps) {
  const auto count = static_cast<std::int64_t>(starts.size());
  model.ints(name + "_s", {count}, starts).ints(name + "_e", {count}, ends);
  model.ints(name + "_a", {count}, axes).ints(name + "_t", {count}, steps);
  return model.node("Slice", name, {x, name + "_s", name + "_e", name + "_a", name + "_t"});
}

constexpr std::int64_t kEnd = INT64_MAX;

TEST(Gathers, StridedSliceOfAnImage) {
  ModelBuilder model({1, 1, 4, 5});
  slice(model, "rows", "x", {0}, {kEnd}, {2}, {2});
  slice(model, "columns", "rows", {1}, {-1}, {-1}, {2});
  EXPECT_EQ(result(model, {1, 1, 4, 5}), (Doubles{2, 4, 12, 14}));
}

TEST(Gathers, SliceBackwards) {
  ModelBuilder model({1, 2, 1, 3});
  slice(model, "flip", "x", {-1, kEnd}, {-kEnd, -kEnd}, {3, 1}, {-1, -1});
  EXPECT_EQ(result(model, {1, 2, 1, 3}), (Doubles{6, 5, 4, 3, 2, 1}));
}

TEST(Gathers, SliceByAttributes) {
  ModelBuilder model({1, 1, 2, 4}, 9);
  auto& node = model.node("Slice", "slice", {"x"});
  set(node, "starts", Ints{1});
  set(node, "ends", Ints{3});
  set(node, "axes", Ints{3});
  EXPECT_EQ(result(model, {1, 1, 2, 4}), (Doubles{2, 3, 6, 7}));
}

TEST(Gathers, PadsOfEveryMode) {
  const std::vector<std::pair<std::string, Doubles>> cases = {
      {"constant", {7, 1, 2, 3, 7, 7}}, {"edge", {1, 1, 2, 3, 3, 3}}, {"reflect", {2, 1, 2, 3, 2, 1}}};
  for (const auto& [mode, expected] : cases) {
    SCOPED_TRACE(mode);
    ModelBuilder model({1, 1, 1, 3});
    model.ints("pads", {8}, {0, 0, 0, 1, 0, 0, 0, 2}).weight("value", {}, {7});
    set_text(model.node("Pad", "pad", {"x", "pads", "value"}), "mode", mode);
    EXPECT_EQ(result(model, {1, 1, 1, 3}), expected);
  }
}

TEST(Gathers, PadsOfChannelsByAttributesAndCrops) {
  ModelBuilder model({1, 1, 1, 3}, 10);
  set(model.node("Pad", "pad", {"x"}), "pads", Ints{0, 1, 0, -1, 0, 1, 0, 0});
  EXPECT_EQ(result(model, {1, 1, 1, 3}), (Doubles{0, 0, 2, 3, 0, 0}));
}

TEST(Gathers, PaddingBeforeAConvolutionIsTheConvolutionsOwn) {
  Random random(2);
  ModelBuilder outer({1, 2, 5, 4}), inner({1, 2, 5, 4});
  const Doubles weights = random.reals(36);
  outer.weight("w", {2, 2, 3, 3}, weights).ints("pads", {8}, {0, 0, 1, 2, 0, 0, 1, 0});
  outer.node("Pad", "pad", {"x", "pads"});
  outer.node("Conv", "conv", {"pad", "w"});
  inner.weight("w", {2, 2, 3, 3}, weights);
  set(inner.node("Conv", "conv", {"x", "w"}), "pads", {1, 2, 1, 0});
  EXPECT_EQ(result(outer, {1, 2, 5, 4}), result(inner, {1, 2, 5, 4}));
  const QuadraticNetwork a = to_network(outer.import()), b = to_network(inner.import());
  ASSERT_EQ(a.stages.size(), 1u);
  EXPECT_EQ(a.stages[0].terms[0].matrix.col, b.stages[0].terms[0].matrix.col);
  EXPECT_EQ(a.stages[0].terms[0].matrix.value, b.stages[0].terms[0].matrix.value);
}

/// Left of a row's first pixel stands the last pixel of the row above: in row-major order, neighbours all the way.
TEST(Gathers, HelicalBordersMergeIntoTheConvolution) {
  Random random(3);
  const Doubles w = random.reals(9);
  ModelBuilder model({1, 1, 4, 5});
  model.weight("w", {1, 1, 3, 3}, w);
  // Rows wrapped cyclically, then a column of the rows above on the left and of the rows below on the right.
  slice(model, "last", "x", {-2}, {kEnd}, {2}, {1});
  slice(model, "first", "x", {0}, {2}, {2}, {1});
  set(model.node("Concat", "tall", {"last", "x", "first"}), "axis", std::int64_t{2});  // rows -2 .. 5
  slice(model, "middle", "tall", {1}, {7}, {2}, {1});
  slice(model, "left", "tall", {0, 4}, {6, 5}, {2, 3}, {1, 1});
  slice(model, "right", "tall", {2, 0}, {8, 1}, {2, 3}, {1, 1});
  set(model.node("Concat", "wide", {"left", "middle", "right"}), "axis", std::int64_t{-1});
  model.node("Conv", "conv", {"wide", "w"});
  const Doubles y = result(model, {1, 1, 4, 5});
  const Doubles x = counted({1, 1, 4, 5});
  Doubles expected(20);
  for (int p = 0; p < 20; ++p) {
    for (int k = 0; k < 9; ++k) expected[p] += w[k] * x[(p + (k / 3 - 1) * 5 + k % 3 - 1 + 20) % 20];
  }
  expect_close(y, expected);
  const QuadraticNetwork network = to_network(model.import());
  ASSERT_EQ(network.stages.size(), 1u);
  EXPECT_EQ(network.stages[0].terms[0].matrix.nonzeros(), 180u);
}

TEST(Gathers, TransposedImages) {
  ModelBuilder model({1, 2, 2, 3});
  set(model.node("Transpose", "t", {"x"}), "perm", Ints{0, 3, 1, 2});
  EXPECT_EQ(result(model, {1, 2, 2, 3}), (Doubles{1, 4, 7, 10, 2, 5, 8, 11, 3, 6, 9, 12}));
  ModelBuilder trivial({1, 1, 2, 3});
  set(trivial.node("Transpose", "t", {"x"}), "perm", Ints{0, 2, 3, 1});
  trivial.node("Flatten", "flat", {"t"});
  EXPECT_STREQ(kind_name(trivial.import().nodes[0].operation), "Reshape");
}

TEST(Gathers, SpaceToDepthInThreeSpellings) {
  const Doubles expected{1, 3, 9, 11, 2, 4, 10, 12, 5, 7, 13, 15, 6, 8, 14, 16};
  ModelBuilder direct({1, 1, 4, 4});
  set(direct.node("SpaceToDepth", "s", {"x"}), "blocksize", std::int64_t{2});
  EXPECT_EQ(result(direct, {1, 1, 4, 4}), expected);
  ModelBuilder exported({1, 1, 4, 4});  // torch.nn.PixelUnshuffle
  exported.ints("split", {6}, {1, 1, 2, 2, 2, 2}).ints("joined", {4}, {1, 4, 2, 2});
  exported.node("Reshape", "r", {"x", "split"});
  set(exported.node("Transpose", "t", {"r"}), "perm", Ints{0, 1, 3, 5, 2, 4});
  exported.node("Reshape", "s", {"t", "joined"});
  EXPECT_EQ(result(exported, {1, 1, 4, 4}), expected);
  for (const std::string mode : {"DCR", "CRD"}) {
    ModelBuilder both({1, 1, 4, 4}, 11);
    set(both.node("SpaceToDepth", "s", {"x"}), "blocksize", std::int64_t{2});
    auto& back = both.node("DepthToSpace", "d", {"s"});
    set(back, "blocksize", std::int64_t{2});
    set_text(back, "mode", mode);
    EXPECT_EQ(result(both, {1, 1, 4, 4}), counted({1, 1, 4, 4}));
  }
}

TEST(Gathers, ConcatOfImagesAndConstants) {
  ModelBuilder model({1, 1, 2, 2});
  model.weight("c", {1, 2, 2, 2}, {-1, -2, -3, -4, -5, -6, -7, -8});
  model.node("Mul", "square", {"x", "x"});
  set(model.node("Concat", "joined", {"x", "c", "square", "x"}), "axis", std::int64_t{1});
  EXPECT_EQ(result(model, {1, 1, 2, 2}),
            (Doubles{1, 2, 3, 4, -1, -2, -3, -4, -5, -6, -7, -8, 1, 4, 9, 16, 1, 2, 3, 4}));
}

TEST(Gathers, SplitGatherAndExpand) {
  for (const int opset : {11, 13}) {
    ModelBuilder model({1, 3, 1, 2}, opset);
    auto& split = model.node("Split", "a", {"x"});
    split.add_output("b");
    set(split, "axis", std::int64_t{1});
    if (opset < 13) {
      set(split, "split", Ints{1, 2});
    } else {
      model.ints("sizes", {2}, {1, 2});
      split.add_input("sizes");
    }
    model.ints("order", {3}, {1, -2, 1}).ints("shape", {3}, {2, 1, 1});
    set(model.node("Gather", "gathered", {"b", "order"}), "axis", std::int64_t{1});  // {5, 6}, {3, 4}, {5, 6}
    model.node("Expand", "twice", {"a", "shape"});                                   // {1, 2}, {1, 2}
    set(model.node("Concat", "joined", {"gathered", "twice"}), "axis", std::int64_t{1});
    EXPECT_EQ(result(model, {1, 3, 1, 2}), (Doubles{5, 6, 3, 4, 5, 6, 1, 2, 1, 2})) << opset;
  }
}

/// F.pad's pads as PyTorch exports them: from [last axis first] to ONNX's order, by shape arithmetic.
TEST(Gathers, FoldsThePadsOfPyTorch) {
  ModelBuilder model({1, 2, 1, 1});
  model.ints("pairs", {6}, {0, 0, 1, 0, 1, 1}).ints("two", {1}, {2}).ints("split", {2}, {-1, 2});
  set_tensor(model.node("ConstantOfShape", "zeros", {"two"}), "value", {1}, {0});
  set(model.node("Concat", "all", {"pairs", "zeros"}), "axis", std::int64_t{0});
  model.node("Reshape", "matrix", {"all", "split"});
  slice(model, "reversed", "matrix", {-1}, {-kEnd}, {0}, {-1});
  set(model.node("Transpose", "transposed", {"reversed"}), "perm", Ints{1, 0});
  model.ints("flat", {1}, {-1}).node("Reshape", "vector", {"transposed", "flat"});
  set(model.node("Cast", "pads", {"vector"}), "to", std::int64_t{onnx::TensorProto::INT64});
  model.node("Pad", "pad", {"x", "pads"});
  EXPECT_EQ(result(model, {1, 2, 1, 1}), (Doubles{0, 0, 0, 1, 0, 2, 0, 0}));
}

/// torch.expand and arange by way of Shape, Equal and Where.
TEST(Gathers, FoldsWhereEqualAndRange) {
  ModelBuilder model({1, 1, 1, 3});
  model.ints("minus", {4}, {1, 2, -1, -1}).ints("one", {}, {1}).ints("negative", {}, {-1}).ints("zero", {}, {0});
  model.ints("three", {}, {3});
  model.node("Shape", "shape", {"x"});
  model.node("Equal", "open", {"minus", "negative"});
  model.node("Where", "target", {"open", "shape", "minus"});
  model.node("Expand", "expanded", {"x", "target"});
  model.node("Range", "ramp", {"zero", "three", "one"});
  set(model.node("Cast", "real", {"ramp"}), "to", std::int64_t{onnx::TensorProto::FLOAT});
  model.node("Add", "sum", {"expanded", "real"});
  EXPECT_EQ(result(model, {1, 1, 1, 3}), (Doubles{1, 3, 5, 1, 3, 5}));
}

template <typename E>
void expect_refusal(ModelBuilder& model, const std::vector<std::string>& parts) {
  const std::string last = model.graph().node(model.graph().node_size() - 1).output(0);
  model.node("Flatten", "flattened_result", {last});
  try {
    model.import();
    FAIL() << "was not refused";
  } catch (const E& error) {
    for (const std::string& part : parts) {
      EXPECT_NE(std::string(error.what()).find(part), std::string::npos) << error.what();
    }
  }
}

TEST(Gathers, RefusesWhatDoesNotFit) {
  ModelBuilder empty({1, 1, 4, 4});
  slice(empty, "nothing", "x", {3}, {1}, {2}, {1});
  expect_refusal<UnsupportedModel>(empty, {"'nothing' (Slice)", "below 1"});
  ModelBuilder still({1, 1, 4, 4});
  slice(still, "still", "x", {0}, {4}, {2}, {0});
  expect_refusal<Error>(still, {"'still' (Slice)"});
  ModelBuilder axis({1, 1, 4, 4});
  slice(axis, "slice", "x", {0}, {4}, {4}, {1});
  expect_refusal<Error>(axis, {});
  ModelBuilder batch({1, 1, 4, 4});
  set(batch.node("Concat", "twice", {"x", "x"}), "axis", std::int64_t{0});
  expect_refusal<UnsupportedModel>(batch, {"'twice' (Concat)", "batch"});
  ModelBuilder padded({1, 1, 4, 4});
  padded.ints("pads", {8}, {1, 0, 0, 0, 0, 0, 0, 0}).node("Pad", "pad", {"x", "pads"});
  expect_refusal<UnsupportedModel>(padded, {"'pad' (Pad)", "batch"});
  ModelBuilder huge({1, 1, 4, 4});
  huge.ints("pads", {8}, {0, 65536, 65536, 65536, 0, 65536, 65536, 65536}).node("Pad", "pad", {"x", "pads"});
  expect_refusal<UnsupportedModel>(huge, {"'pad' (Pad)"});
  ModelBuilder reflected({1, 1, 4, 4});
  reflected.ints("pads", {8}, {0, 0, 0, 4, 0, 0, 0, 0});
  set_text(reflected.node("Pad", "pad", {"x", "pads"}), "mode", "reflect");
  expect_refusal<UnsupportedModel>(reflected, {"'pad' (Pad)", "reflection"});
  ModelBuilder encrypted({1, 1, 4, 4});
  encrypted.node("Equal", "same", {"x", "x"});
  expect_refusal<UnsupportedModel>(encrypted, {"'same' (Equal)", "constants"});
  ModelBuilder filled({1, 1, 1, 1});
  filled.ints("shape", {4}, {1 << 20, 1 << 20, 1 << 20, 1 << 20}).node("ConstantOfShape", "fill", {"shape"});
  filled.node("Add", "sum", {"x", "fill"});
  expect_refusal<Error>(filled, {"'fill' (ConstantOfShape)"});
}

}  // namespace
}  // namespace blindsight::nn
