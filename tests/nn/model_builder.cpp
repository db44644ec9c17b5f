#include "model_builder.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "blindsight/nn/evaluate.h"
#include "blindsight/nn/import.h"

namespace blindsight::nn::testing {
namespace {

onnx::AttributeProto& add_attribute(onnx::NodeProto& node, const std::string& name,
                                    onnx::AttributeProto::AttributeType type) {
  onnx::AttributeProto& attribute = *node.add_attribute();
  attribute.set_name(name);
  attribute.set_type(type);
  return attribute;
}

void fill_ints(onnx::TensorProto& tensor, const Ints& dims, const Ints& values) {
  tensor.set_data_type(onnx::TensorProto::INT64);
  for (const std::int64_t dim : dims) tensor.add_dims(dim);
  for (const std::int64_t value : values) tensor.add_int64_data(value);
}

}  // namespace

ModelBuilder::ModelBuilder(Ints input_shape, int opset, bool symbolic_batch) {
  model_.set_ir_version(7);
  auto* imported = model_.add_opset_import();
  imported->set_domain("");
  imported->set_version(opset);
  graph().set_name("test");
  auto* input = graph().add_input();
  input->set_name("x");
  auto* type = input->mutable_type()->mutable_tensor_type();
  type->set_elem_type(onnx::TensorProto::FLOAT);
  for (std::size_t i = 0; i < input_shape.size(); ++i) {
    auto* dim = type->mutable_shape()->add_dim();
    if (i == 0 && symbolic_batch) {
      dim->set_dim_param("batch");
    } else {
      dim->set_dim_value(input_shape[i]);
    }
  }
}

ModelBuilder& ModelBuilder::weight(const std::string& name, const Ints& dims, const Doubles& values) {
  auto* tensor = graph().add_initializer();
  tensor->set_name(name);
  tensor->set_data_type(onnx::TensorProto::FLOAT);
  for (const std::int64_t dim : dims) tensor->add_dims(dim);
  for (const double value : values) tensor->add_float_data(static_cast<float>(value));
  return *this;
}

ModelBuilder& ModelBuilder::ints(const std::string& name, const Ints& dims, const Ints& values) {
  auto* tensor = graph().add_initializer();
  tensor->set_name(name);
  fill_ints(*tensor, dims, values);
  return *this;
}

onnx::NodeProto& ModelBuilder::node(const std::string& type, const std::string& name,
                                    const std::vector<std::string>& inputs) {
  auto* node = graph().add_node();
  node->set_op_type(type);
  node->set_name(name);
  for (const std::string& input : inputs) node->add_input(input);
  node->add_output(name);
  return *node;
}

Bytes ModelBuilder::bytes() {
  if (graph().output_size() == 0 && graph().node_size() > 0) {
    auto* output = graph().add_output();
    output->set_name(graph().node(graph().node_size() - 1).output(0));
    auto* type = output->mutable_type()->mutable_tensor_type();
    type->set_elem_type(onnx::TensorProto::FLOAT);
    for (int i = 0; i < output_rank_; ++i) type->mutable_shape()->add_dim()->set_dim_param("o" + std::to_string(i));
  }
  const std::string text = model_.SerializeAsString();
  return Bytes(text.begin(), text.end());
}

Graph ModelBuilder::import() { return import_onnx(bytes(), "test.onnx"); }

void set(onnx::NodeProto& node, const std::string& name, std::int64_t value) {
  add_attribute(node, name, onnx::AttributeProto::INT).set_i(value);
}

void set(onnx::NodeProto& node, const std::string& name, const Ints& values) {
  auto& attribute = add_attribute(node, name, onnx::AttributeProto::INTS);
  for (const std::int64_t value : values) attribute.add_ints(value);
}

void set_real(onnx::NodeProto& node, const std::string& name, float value) {
  add_attribute(node, name, onnx::AttributeProto::FLOAT).set_f(value);
}

void set_text(onnx::NodeProto& node, const std::string& name, const std::string& value) {
  add_attribute(node, name, onnx::AttributeProto::STRING).set_s(value);
}

void set_tensor(onnx::NodeProto& node, const std::string& name, const Ints& dims, const Ints& values) {
  fill_ints(*add_attribute(node, name, onnx::AttributeProto::TENSOR).mutable_t(), dims, values);
}

Tensor random_image(const Graph& graph, unsigned seed) {
  return {graph.input_shape, Random(seed).reals(element_count(graph.input_shape))};
}

void expect_close(const Doubles& actual, const Doubles& expected, double tolerance) {
  ASSERT_EQ(actual.size(), expected.size());
  double largest = 1e-300;
  for (const double value : expected) largest = std::max(largest, std::abs(value));
  for (std::size_t i = 0; i < actual.size(); ++i) {
    ASSERT_NEAR(actual[i], expected[i], tolerance * largest) << "at element " << i;
  }
}

namespace {

void expect_well_formed(const SparseMatrix& matrix) {
  ASSERT_EQ(matrix.row_begin.size(), matrix.rows + 1);
  ASSERT_EQ(matrix.row_begin.front(), 0u);
  ASSERT_EQ(matrix.row_begin.back(), matrix.value.size());
  ASSERT_EQ(matrix.col.size(), matrix.value.size());
  EXPECT_GT(matrix.nonzeros(), 0u);
  for (std::size_t r = 0; r < matrix.rows; ++r) {
    for (std::size_t k = matrix.row_begin[r]; k < matrix.row_begin[r + 1]; ++k) {
      ASSERT_LT(matrix.col[k], matrix.cols);
      ASSERT_NE(matrix.value[k], 0);
      if (k > matrix.row_begin[r]) {
        ASSERT_LT(matrix.col[k - 1], matrix.col[k]);
      }
    }
  }
}

}  // namespace

void expect_well_formed(const QuadraticNetwork& network) {
  ASSERT_FALSE(network.stages.empty());
  std::vector<std::size_t> sizes{static_cast<std::size_t>(element_count(network.input_shape))};
  std::vector<char> read(network.stages.size() + 1, 0);
  for (const Stage& stage : network.stages) {
    const auto size = static_cast<std::size_t>(element_count(stage.shape));
    EXPECT_TRUE(stage.shape.size() == 1 || stage.shape.size() == 3) << to_string(stage.shape);
    EXPECT_FALSE(stage.name.empty());
    ASSERT_EQ(stage.bias.size(), size);
    ASSERT_FALSE(stage.terms.empty());
    for (std::size_t t = 0; t < stage.terms.size(); ++t) {
      const StageTerm& term = stage.terms[t];
      for (std::size_t other = 0; other < t; ++other) {
        EXPECT_FALSE(stage.terms[other].value == term.value && stage.terms[other].squared == term.squared);
      }
      ASSERT_LT(term.value, sizes.size());
      read[term.value] = 1;
      EXPECT_EQ(term.matrix.rows, size);
      EXPECT_EQ(term.matrix.cols, sizes[term.value]);
      expect_well_formed(term.matrix);
    }
    sizes.push_back(size);
  }
  for (std::size_t k = 1; k < network.stages.size(); ++k) EXPECT_TRUE(read[k]) << "stage " << k << " is not read";
}

void expect_network_equals_graph(const Graph& graph, unsigned seed, const NetworkOptions& options) {
  const QuadraticNetwork network = to_network(graph, options);
  expect_well_formed(network);
  EXPECT_EQ(network.input_shape, graph.input_shape);
  EXPECT_EQ(network.softmax_output, graph.softmax_output);
  EXPECT_EQ(network.stages.back().shape, graph.shape_of(graph.output()));
  for (unsigned i = 0; i < 3; ++i) {
    const Tensor image = random_image(graph, seed + i);
    expect_close(evaluate_stages(network, image.data).back(), evaluate(graph, image).data);
  }
}

ModelBuilder sample_network() {
  Random random(7);
  ModelBuilder model({1, 2, 9, 8});
  model.weight("w1", {4, 2, 3, 3}, random.reals(72)).weight("b1", {4}, random.reals(4));
  model.weight("scale", {4}, {0.5, 1.5, -1, 2}).weight("shift", {4}, random.reals(4));
  model.weight("mean", {4}, random.reals(4)).weight("variance", {4}, {1, 2, 0.5, 4});
  model.weight("a", {1, 4, 1, 1}, {0.5, -0.25, 1, 2}).weight("b", {4, 1, 1}, {1, 0, -1, 0.5});
  model.weight("w2", {10, 36}, random.reals(360)).weight("b2", {10}, random.reals(10));
  auto& conv = model.node("Conv", "conv1", {"x", "w1", "b1"});
  set(conv, "pads", {1, 1, 1, 1});
  set(conv, "strides", {2, 1});
  model.node("BatchNormalization", "bn1", {"conv1", "scale", "shift", "mean", "variance"});
  model.node("Mul", "square1", {"bn1", "bn1"});
  auto& pool = model.node("AveragePool", "pool1", {"square1"});
  set(pool, "kernel_shape", {2, 2});
  set(pool, "strides", {2, 3});
  set(pool, "pads", {0, 0, 1, 1});
  model.node("Mul", "square2", {"pool1", "pool1"});
  model.node("Mul", "a_square2", {"square2", "a"});
  model.node("Mul", "b_linear", {"pool1", "b"});
  model.node("Add", "quadratic", {"a_square2", "b_linear"});
  model.node("Flatten", "flatten", {"quadratic"});
  set(model.node("Gemm", "fc", {"flatten", "w2", "b2"}), "transB", std::int64_t{1});
  set(model.node("Softmax", "softmax", {"fc"}), "axis", std::int64_t{-1});
  return model;
}

}  // namespace blindsight::nn::testing
