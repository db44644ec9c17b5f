// Hand-built ONNX models for the tests.
#pragma once

#include <onnx/onnx_pb.h>

#include <cstdint>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "blindsight/base/bytes.h"
#include "blindsight/nn/graph.h"
#include "blindsight/nn/network.h"

namespace blindsight::nn::testing {

using Ints = std::vector<std::int64_t>;
using Doubles = std::vector<double>;

/// Numbers in [-1, 1) that float32 holds exactly, the same for every run.
class Random {
 public:
  explicit Random(unsigned seed) : engine_(seed) {}
  double real() { return static_cast<double>(static_cast<int>(engine_() % 2048) - 1024) / 1024; }
  std::int64_t integer(std::int64_t low, std::int64_t high) {
    return low + static_cast<std::int64_t>(engine_() % static_cast<std::uint64_t>(high - low + 1));
  }
  Doubles reals(std::int64_t count) {
    Doubles values(count);
    for (double& value : values) value = real();
    return values;
  }

 private:
  std::mt19937 engine_;
};

/// Builds a model node by node; input "x", output "y".
class ModelBuilder {
 public:
  explicit ModelBuilder(Ints input_shape, int opset = 13, bool symbolic_batch = true);

  /// A float32 initializer.
  ModelBuilder& weight(const std::string& name, const Ints& dims, const Doubles& values);
  /// An int64 initializer.
  ModelBuilder& ints(const std::string& name, const Ints& dims, const Ints& values);
  /// A node called `name`, which is also its output's name.
  onnx::NodeProto& node(const std::string& type, const std::string& name, const std::vector<std::string>& inputs);

  onnx::ModelProto& proto() { return model_; }
  onnx::GraphProto& graph() { return *model_.mutable_graph(); }
  /// Rank of the declared output: 2 unless told.
  ModelBuilder& output_rank(int rank) {
    output_rank_ = rank;
    return *this;
  }
  Bytes bytes();
  /// Imports what was built; the last node's output becomes the model's.
  Graph import();

 private:
  onnx::ModelProto model_;
  int output_rank_ = 2;
};

void set(onnx::NodeProto& node, const std::string& name, std::int64_t value);
void set(onnx::NodeProto& node, const std::string& name, const Ints& values);
void set_real(onnx::NodeProto& node, const std::string& name, float value);
void set_text(onnx::NodeProto& node, const std::string& name, const std::string& value);
void set_tensor(onnx::NodeProto& node, const std::string& name, const Ints& dims, const Ints& values);

/// A random image of the graph's input shape.
Tensor random_image(const Graph& graph, unsigned seed);

/// Both within 1e-9, relative to the largest expected value.
void expect_close(const Doubles& actual, const Doubles& expected, double tolerance = 1e-9);

/// The graph evaluator's and the stages' results are the same, and the stages are well formed.
void expect_network_equals_graph(const Graph& graph, unsigned seed = 1, const NetworkOptions& options = {});

/// Sizes fit, columns ascend, no zeros, every stage but the last is read, and only earlier values are read.
void expect_well_formed(const QuadraticNetwork& network);

/// A small network of every common kind of layer: conv, bn, square, pool, quadratic, flatten, gemm, softmax.
ModelBuilder sample_network();

}  // namespace blindsight::nn::testing
