#include "blindsight/nn/import.h"

#include <gtest/gtest.h>

#include "blindsight/nn/evaluate.h"
#include "model_builder.h"

namespace blindsight::nn {
namespace {

using namespace testing;

std::vector<std::string> kinds(const Graph& graph) {
  std::vector<std::string> names;
  for (const Node& node : graph.nodes) names.emplace_back(kind_name(node.operation));
  return names;
}

using Kinds = std::vector<std::string>;

TEST(Import, SampleNetworkInEveryOpset) {
  for (int opset = 9; opset <= 18; ++opset) {
    SCOPED_TRACE(opset);
    ModelBuilder model = sample_network();
    model.proto().mutable_opset_import(0)->set_version(opset);
    const Graph graph = model.import();
    EXPECT_EQ(kinds(graph), (Kinds{"Conv", "MulConst", "AddConst", "Square", "AveragePool", "Square", "MulConst",
                                   "MulConst", "Add", "Reshape", "Dense"}));
    EXPECT_TRUE(graph.softmax_output);
    EXPECT_EQ(graph.input_shape, (Shape{2, 9, 8}));
    EXPECT_EQ(graph.nodes[0].name, "conv1");
    EXPECT_EQ(graph.nodes[0].type, "Conv");
    expect_network_equals_graph(graph);
  }
}

TEST(Import, PrintsOneLineANode) {
  const std::string text = to_string(sample_network().import());
  EXPECT_NE(text.find("%1 = Conv(%0) : 4x5x8  [weight 4x2x3x3, strides 2x1, pads 1,1,1,1]  # conv1 (Conv)"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("softmax %11"), std::string::npos) << text;
}

TEST(Import, NewerIrVersionsAndUnusedDomains) {
  ModelBuilder model = sample_network();
  model.proto().set_ir_version(10);
  auto* extra = model.proto().add_opset_import();
  extra->set_domain("ai.onnx.ml");
  extra->set_version(5);
  EXPECT_EQ(model.import().nodes.size(), 11u);
}

TEST(Import, BatchNormalizationIsTheFormula) {
  ModelBuilder model({1, 2, 1, 1}, 9);
  model.weight("s", {2}, {2, 3}).weight("b", {2}, {1, -1}).weight("m", {2}, {0.5, 1}).weight("v", {2}, {4, 0.25});
  set_real(model.node("BatchNormalization", "bn", {"x", "s", "b", "m", "v"}), "epsilon", 0);
  model.node("Flatten", "flat", {"bn"});
  const Graph graph = model.import();
  expect_close(evaluate(graph, {{2, 1, 1}, {3, 2}}).data, {2 * (3 - 0.5) / 2 + 1, 3 * (2 - 1) / 0.5 - 1});
}

TEST(Import, GemmAlphaBetaAndMatMul) {
  ModelBuilder model({1, 1, 1, 2});
  model.weight("w", {2, 3}, {1, 2, 3, 4, 5, 6}).weight("b", {1, 3}, {1, 1, 2}).weight("u", {3, 1}, {1, 10, 100});
  model.weight("c", {1}, {7});
  model.node("Flatten", "flat", {"x"});
  auto& gemm = model.node("Gemm", "gemm", {"flat", "w", "b"});
  set_real(gemm, "alpha", 0.5F);
  set_real(gemm, "beta", 2);
  model.node("MatMul", "matmul", {"gemm", "u"});
  model.node("Add", "bias", {"c", "matmul"});
  const Graph graph = model.import();  // x = {2, 4}: 0.5 * {18, 24, 30} + {2, 2, 4} = {11, 14, 19}
  EXPECT_EQ(evaluate(graph, {{1, 1, 2}, {2, 4}}).data, Doubles{11 + 140 + 1900 + 7});
}

TEST(Import, DropoutAndSoftmaxOfBothGenerations) {
  for (const int opset : {9, 12, 13, 17}) {
    ModelBuilder model({1, 1, 1, 3}, opset);
    model.node("Flatten", "flat", {"x"});
    if (opset < 12) {
      set_real(model.node("Dropout", "drop", {"flat"}), "ratio", 0.25F);
    } else {
      model.weight("ratio", {}, {0.25}).node("Dropout", "drop", {"flat", "ratio"});
    }
    model.node("Identity", "same", {"drop"});
    model.node("LogSoftmax", "soft", {"same"});
    const Graph graph = model.import();
    EXPECT_TRUE(graph.softmax_output);
    EXPECT_EQ(kinds(graph), Kinds{"Reshape"});
  }
}

TEST(Import, ReduceMeanOfBothGenerations) {
  for (const int opset : {11, 18}) {
    for (const std::int64_t keep : {0, 1}) {
      ModelBuilder model({1, 2, 1, 2}, opset);
      if (opset >= 18) model.ints("axes", {2}, {-1, -2});
      auto& node = model.node("ReduceMean", "mean",
                              opset >= 18 ? std::vector<std::string>{"x", "axes"} : std::vector<std::string>{"x"});
      if (opset < 18) set(node, "axes", Ints{-1, 2});
      set(node, "keepdims", keep);
      model.node("Flatten", "flat", {"mean"});
      const Graph graph = model.import();
      EXPECT_EQ(evaluate(graph, {{2, 1, 2}, {1, 2, 5, 9}}).data, (Doubles{1.5, 7}));
    }
  }
}

/// x.view(x.size(0), -1), as PyTorch exports it.
TEST(Import, FoldsShapeArithmetic) {
  for (const int opset : {11, 13}) {
    ModelBuilder model({1, 2, 3, 4}, opset);
    model.node("Shape", "shape", {"x"});
    set_tensor(model.node("Constant", "zero", {}), "value", {}, {0});
    set_tensor(model.node("Constant", "rest", {}), "value", {1}, {-1});
    model.node("Gather", "size", {"shape", "zero"});
    if (opset < 13) {
      set(model.node("Unsqueeze", "size1", {"size"}), "axes", Ints{0});
    } else {
      model.ints("axis0", {1}, {0}).node("Unsqueeze", "size1", {"size", "axis0"});
    }
    set(model.node("Concat", "target", {"size1", "rest"}), "axis", std::int64_t{0});
    model.node("Reshape", "view", {"x", "target"});
    const Graph graph = model.import();
    EXPECT_EQ(kinds(graph), Kinds{"Reshape"});
    EXPECT_EQ(graph.nodes[0].shape, Shape{24});
  }
}

TEST(Import, FoldsTransposedWeightsAndConstantArithmetic) {
  ModelBuilder model({1, 1, 1, 2});
  model.weight("w", {3, 2}, {1, 2, 3, 4, 5, 6}).weight("k", {}, {2});
  model.node("Flatten", "flat", {"x"});
  model.node("Transpose", "wt", {"w"});
  model.node("Mul", "wt2", {"wt", "k"});
  model.node("MatMul", "y", {"flat", "wt2"});
  EXPECT_EQ(evaluate(model.import(), {{1, 1, 2}, {1, 10}}).data, (Doubles{42, 86, 130}));
}

TEST(Import, AutoPad) {
  for (const std::string mode : {"SAME_UPPER", "SAME_LOWER", "VALID"}) {
    ModelBuilder model({1, 1, 5, 6});
    model.weight("w", {1, 1, 2, 3}, Doubles(6, 1));
    auto& node = model.node("Conv", "conv", {"x", "w"});
    set_text(node, "auto_pad", mode);
    set(node, "strides", {1, 2});
    model.node("Flatten", "flat", {"conv"});
    const Graph graph = model.import();
    const Pads pads = std::get<Conv>(graph.nodes[0].operation).pads;
    const Pads expected = mode == "VALID" ? Pads{} : mode == "SAME_UPPER" ? Pads{0, 0, 1, 1} : Pads{1, 1, 0, 0};
    EXPECT_EQ(pads, expected) << mode;
    EXPECT_EQ(graph.nodes[0].shape, mode == "VALID" ? (Shape{1, 4, 2}) : (Shape{1, 5, 3}));
  }
}

TEST(Import, BroadcastsConstants) {
  ModelBuilder model({1, 2, 2, 2});
  model.weight("column", {2, 1}, {10, 20}).weight("element", {1, 2, 2, 2}, {1, 2, 3, 4, 5, 6, 7, 8});
  model.node("Add", "columns", {"x", "column"});
  model.node("Add", "elements", {"columns", "element"});
  model.node("Flatten", "flat", {"elements"});
  const Graph graph = model.import();
  EXPECT_EQ(evaluate(graph, {{2, 2, 2}, Doubles(8)}).data, (Doubles{11, 12, 23, 24, 15, 16, 27, 28}));
  expect_network_equals_graph(graph);
}

TEST(Import, DropsNodesThatTheOutputDoesNotNeed) {
  ModelBuilder model({1, 1, 2, 2});
  model.node("Mul", "unused", {"x", "x"});
  model.node("Flatten", "flat", {"x"});
  EXPECT_EQ(kinds(model.import()), Kinds{"Reshape"});
}

TEST(Import, ConvolutionalHeadBecomesAVector) {
  ModelBuilder model({1, 3, 4, 4});
  model.output_rank(4).node("GlobalAveragePool", "pool", {"x"});
  EXPECT_EQ(kinds(model.import()), (Kinds{"GlobalAveragePool", "Reshape"}));
}

}  // namespace
}  // namespace blindsight::nn
