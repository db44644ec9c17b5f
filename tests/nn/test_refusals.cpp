#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>

#include "blindsight/base/error.h"
#include "blindsight/nn/import.h"
#include "model_builder.h"

namespace blindsight::nn {
namespace {

using namespace testing;

/// Import throws E, and its message holds every one of `parts`.
template <typename E>
void expect_refusal(ModelBuilder& model, const std::vector<std::string>& parts) {
  try {
    model.import();
    FAIL() << "was not refused: " << parts[0];
  } catch (const E& error) {
    for (const std::string& part : parts) {
      EXPECT_NE(std::string(error.what()).find(part), std::string::npos) << error.what();
    }
  }
}

TEST(Refusals, OperatorsByNameWithARemedy) {
  const std::vector<std::vector<std::string>> cases = {
      {"Relu", "x*x"},          {"Sigmoid", "x*x"},   {"Tanh", "x*x"},      {"MaxPool", "AveragePool"},
      {"LSTM", "feed-forward"}, {"ArgMax", "logits"}, {"Nonsense", "Conv"}, {"ConvTranspose", "use Conv"}};
  for (const auto& entry : cases) {
    ModelBuilder model({1, 1, 4, 4});
    model.node(entry[0], "culprit", {"x"});
    expect_refusal<UnsupportedModel>(model, {"'culprit' (" + entry[0] + ")", entry[1]});
  }
}

TEST(Refusals, NamelessNodesGoByTheirOutput) {
  ModelBuilder model({1, 1, 4, 4});
  model.node("Relu", "out7", {"x"}).clear_name();
  expect_refusal<UnsupportedModel>(model, {"'out7' (Relu)"});
}

TEST(Refusals, TerminalEscapesInNamesAreDefused) {
  ModelBuilder model({1, 1, 4, 4});
  model.node("Relu", "a\x1b[2J", {"x"});
  expect_refusal<UnsupportedModel>(model, {"'a?[2J' (Relu)"});
}

TEST(Refusals, Inputs) {
  for (const Ints& shape : {Ints{1, 784}, Ints{1, 3, 4}, Ints{1, 1, 1, 4, 4}}) {
    ModelBuilder model(shape);
    model.node("Flatten", "flat", {"x"});
    expect_refusal<UnsupportedModel>(model, {"'x'", "image"});
  }
  ModelBuilder batch({8, 1, 4, 4}, 13, false);
  batch.node("Flatten", "flat", {"x"});
  expect_refusal<UnsupportedModel>(batch, {"batch of 8"});
  ModelBuilder huge({1, 4, 1 << 20, 1 << 20});
  huge.node("Flatten", "flat", {"x"});
  expect_refusal<Error>(huge, {"more than"});
}

TEST(Refusals, Opsets) {
  for (const int opset : {8, 19}) {
    ModelBuilder model({1, 1, 4, 4}, opset);
    model.node("Flatten", "flat", {"x"});
    expect_refusal<UnsupportedModel>(model, {"opset " + std::to_string(opset), "9 to 18"});
  }
}

TEST(Refusals, ImagesAsOutput) {
  ModelBuilder model({1, 1, 4, 4});
  model.output_rank(4).node("Mul", "square", {"x", "x"});
  expect_refusal<UnsupportedModel>(model, {"'square'", "Flatten"});
}

TEST(Refusals, SoftmaxInTheMiddle) {
  ModelBuilder model({1, 1, 1, 4});
  model.node("Flatten", "flat", {"x"});
  model.node("Softmax", "soft", {"flat"});
  model.node("Mul", "square", {"soft", "soft"});
  expect_refusal<UnsupportedModel>(model, {"'square' (Mul)", "softmax"});
}

TEST(Refusals, ProductsAndPowers) {
  ModelBuilder product({1, 1, 2, 2});
  product.weight("w", {1, 1, 1, 1}, {2});
  product.node("Conv", "conv", {"x", "w"});
  product.node("Mul", "product", {"conv", "x"});
  expect_refusal<UnsupportedModel>(product, {"'product' (Mul)", "a*x*x"});
  ModelBuilder third({1, 1, 2, 2});
  third.node("Mul", "square", {"x", "x"});
  third.node("Mul", "third", {"square", "x"});
  expect_refusal<UnsupportedModel>(third, {"'third' (Mul)", "degree 3"});
  ModelBuilder cube({1, 1, 2, 2});
  cube.weight("three", {}, {3});
  cube.node("Pow", "cube", {"x", "three"});
  expect_refusal<UnsupportedModel>(cube, {"'cube' (Pow)", "power 2"});
  ModelBuilder quotient({1, 1, 2, 2});
  quotient.weight("c", {}, {0});
  quotient.node("Div", "quotient", {"x", "c"});
  expect_refusal<UnsupportedModel>(quotient, {"'quotient' (Div)", "zero"});
}

/// A convolution whose attributes `change` may spoil.
template <typename E>
void expect_conv_refusal(const std::function<void(ModelBuilder&, onnx::NodeProto&)>& change, const std::string& part) {
  ModelBuilder model({1, 2, 5, 5});
  model.weight("w", {4, 2, 3, 3}, Doubles(72, 0.5));
  auto& node = model.node("Conv", "conv9", {"x", "w"});
  change(model, node);
  model.node("Flatten", "flat", {"conv9"});
  expect_refusal<E>(model, {"'conv9' (Conv)", part});
}

TEST(Refusals, ConvolutionAttributes) {
  expect_conv_refusal<UnsupportedModel>([](auto&, auto& n) { set(n, "strides", {0, 1}); }, "strides");
  expect_conv_refusal<UnsupportedModel>([](auto&, auto& n) { set(n, "strides", Ints{1}); }, "two-dimensional");
  expect_conv_refusal<UnsupportedModel>([](auto&, auto& n) { set(n, "dilations", {1, -1}); }, "dilations");
  expect_conv_refusal<UnsupportedModel>([](auto&, auto& n) { set(n, "pads", {-1, 0, 0, 0}); }, "pads");
  expect_conv_refusal<UnsupportedModel>([](auto&, auto& n) { set(n, "dilations", {9, 9}); }, "larger than");
  expect_conv_refusal<FormatError>([](auto&, auto& n) { set(n, "group", std::int64_t{2}); }, "groups");
  expect_conv_refusal<FormatError>([](auto&, auto& n) { set(n, "group", std::int64_t{0}); }, "groups");
  expect_conv_refusal<FormatError>([](auto&, auto& n) { set(n, "kernel_shape", {5, 5}); }, "kernel_shape");
  expect_conv_refusal<UnsupportedModel>([](auto&, auto& n) { n.set_input(1, "x"); }, "constant");
}

TEST(Refusals, PoolAttributes) {
  ModelBuilder ceil({1, 1, 5, 5});
  auto& node = ceil.node("AveragePool", "pool", {"x"});
  set(node, "kernel_shape", {2, 2});
  set(node, "ceil_mode", std::int64_t{1});
  expect_refusal<UnsupportedModel>(ceil, {"'pool' (AveragePool)", "ceil_mode"});
  ModelBuilder padded({1, 1, 5, 5});
  auto& wide = padded.node("AveragePool", "pool", {"x"});
  set(wide, "kernel_shape", {2, 2});
  set(wide, "pads", {2, 0, 0, 0});
  expect_refusal<UnsupportedModel>(padded, {"'pool' (AveragePool)", "padding"});
}

TEST(Refusals, WeightsThatAreNotFinite) {
  for (const double bad : {std::nan(""), std::numeric_limits<double>::infinity()}) {
    ModelBuilder model({1, 1, 1, 2});
    model.weight("w", {2}, {1, bad});
    model.node("Flatten", "flat", {"x"});
    model.node("Mul", "scaled", {"flat", "w"});
    expect_refusal<FormatError>(model, {"'w'", "finite"});
  }
}

TEST(Refusals, TensorsThatLieAboutTheirSize) {
  ModelBuilder model({1, 1, 1, 2});
  model.weight("w", {1 << 20, 1 << 20, 1 << 20, 1 << 20}, {1});
  model.node("Flatten", "flat", {"x"});
  EXPECT_THROW(model.import(), FormatError);
}

TEST(Refusals, ExternalDataAndSubgraphs) {
  ModelBuilder external({1, 1, 1, 2});
  external.weight("w", {2}, {1, 2});
  external.graph().mutable_initializer(0)->set_data_location(onnx::TensorProto::EXTERNAL);
  external.node("Flatten", "flat", {"x"});
  expect_refusal<UnsupportedModel>(external, {"'w'", "weights inside"});
  ModelBuilder sub({1, 1, 1, 2});
  auto& attribute = *sub.node("Flatten", "flat", {"x"}).add_attribute();
  attribute.set_name("body");
  attribute.set_type(onnx::AttributeProto::GRAPH);
  attribute.mutable_g()->set_name("g");
  expect_refusal<UnsupportedModel>(sub, {"'flat'", "subgraph"});
}

TEST(Refusals, SmallFilesCannotTakeMuchMemory) {
  ModelBuilder model({1, 1, 2048, 2048});
  model.weight("row", {1, 1, 1, 2048}, Doubles(2048, 1));
  std::string last = "x";
  for (int i = 0; i < 100; ++i) {
    const std::string name = "add" + std::to_string(i);
    model.node("Add", name, {last, "row"});
    last = name;
  }
  expect_refusal<UnsupportedModel>(model, {"memory"});
}

TEST(Refusals, TrainingMode) {
  ModelBuilder model({1, 1, 2, 2}, 14);
  model.weight("p", {1}, {1});
  set(model.node("BatchNormalization", "bn", {"x", "p", "p", "p", "p"}), "training_mode", std::int64_t{1});
  model.node("Flatten", "flat", {"bn"});
  expect_refusal<UnsupportedModel>(model, {"'bn' (BatchNormalization)", "evaluation mode"});
}

}  // namespace
}  // namespace blindsight::nn
