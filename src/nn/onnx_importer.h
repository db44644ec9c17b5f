// The importer's state: one walk over the ONNX nodes builds the graph. Private to the room.
#pragma once

#include <onnx/onnx_pb.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "blindsight/nn/graph.h"
#include "blindsight/nn/onnx_attributes.h"
#include "blindsight/nn/onnx_selection.h"

namespace blindsight::nn {

/// A tensor known at import. Extents may be 0, unlike those of Tensor.
struct Constant {
  Shape shape;
  std::vector<double> data;
  bool integer = false;
};

/// A tensor that depends on the image.
struct Signal {
  std::size_t tensor;  ///< its number in the graph
  Shape shape;         ///< as in ONNX: with a leading batch axis of 1
  bool after_softmax = false;
};

/// A tensor as a polynomial of degree 1 or 2 in another one.
struct Polynomial {
  std::size_t base;
  int degree;
};

using Value = std::variant<Constant, Signal>;

/// Reads the tensor's data. `owner` stands in messages. Throws FormatError or UnsupportedModel.
Constant read_constant(const onnx::TensorProto& tensor, const std::string& owner);

/// The values as integers; throws InvalidArgument beyond 9e15.
std::vector<std::int64_t> as_integers(const Constant& constant);

/// The same, values beyond 2^40 brought down to it: what ends a slice "at the end" is larger than any extent.
std::vector<std::int64_t> as_positions(const Constant& constant);

/// Elements picked from a tensor, in a shape that may have other axes than the selection's.
struct Picked {
  explicit Picked(Selection picked) : selection(std::move(picked)), shape(selection.shape()) {}
  Selection selection;
  Shape shape;
  double fill = 0;
};

/// Number of elements; throws FormatError where an extent is negative or the product too large.
std::int64_t constant_count(const Shape& shape, const std::string& owner);

/// Turns one checked model into a graph.
class Importer {
 public:
  Importer(onnx::ModelProto model, std::size_t file_bytes, std::string name);
  Graph run();

 private:
  // import.cpp: the frame around the nodes.
  void read_input();
  void read_initializers();
  void read_output();
  void cross_check();
  void visit(const onnx::NodeProto& node);

  // The node being visited.
  bool has_input(int k) const { return k < node_->input_size() && !node_->input(k).empty(); }
  const Value& input(int k) const;
  const Signal* signal(int k) const { return std::get_if<Signal>(&input(k)); }
  const Constant* constant(int k) const { return std::get_if<Constant>(&input(k)); }
  const Signal& need_signal(int k) const;
  const Constant& need_constant(int k, const char* role) const;
  Attributes attributes() const { return Attributes(*node_); }
  [[noreturn]] void refuse(const std::string& reason) const;
  [[noreturn]] void malformed(const std::string& reason) const;
  /// Adds a layer and returns its value; `shape` has the batch axis.
  Signal emit(Operation operation, std::vector<std::size_t> inputs, Shape shape);
  void define(Value value, int output = 0);
  /// What the layer makes of its inputs, as polynomials.
  Polynomial polynomial_of(const Operation& operation, const std::vector<std::size_t>& inputs) const;
  /// Accounts for elements that the file itself does not hold, so that no small file takes much memory.
  void charge(std::int64_t elements);

  // onnx_constants.cpp: nodes whose inputs are all constant.
  bool fold();
  Constant fold_node();
  Constant fold_binary() const;
  Constant fold_cast() const;
  Constant fold_filled();
  Constant fold_range();
  Constant fold_where() const;
  std::int64_t broadcast_count(const Shape& shape, std::size_t largest_part) const;

  // onnx_layers.cpp
  void lower();
  void lower_identity();
  void lower_constant();
  void lower_shape();
  void lower_binary();
  void lower_with_constant(const Signal& x, const Constant& c, bool constant_first);
  void lower_two_signals(const Signal& x, const Signal& y);
  void lower_product(const Signal& x, const Signal& y);
  void lower_pow();
  void lower_negation();
  void lower_gemm();
  void lower_matmul();
  void lower_batch_norm();
  void lower_relabel();
  void lower_softmax();
  void emit_dense(const Signal& x, const Constant& weight, bool transposed, double alpha, std::vector<double> bias);
  /// The constant's values as AddConst and MulConst want them.
  std::vector<double> broadcast(const Constant& c, const Shape& shape);
  Shape relabelled_shape(const Shape& shape) const;
  Shape reshape_target(const Shape& shape, const std::vector<std::int64_t>& target, bool allow_zero) const;
  std::optional<std::vector<std::int64_t>> axes() const;

  // onnx_gathers.cpp
  std::optional<std::vector<std::int64_t>> listed(int k, const char* name) const;
  Picked pick(const Shape& shape) const;
  Picked pick_slice(const Shape& shape) const;
  Picked pick_padded(const Shape& shape) const;
  Picked pick_transposed(const Shape& shape) const;
  Picked pick_expanded(const Shape& shape) const;
  Picked pick_indices(const Shape& shape) const;
  Picked pick_shuffled(const Shape& shape) const;
  Constant fold_pick();
  void lower_pick();
  Signal emit_picked(const Signal& x, const Picked& picked);
  Shape concatenated_shape(std::size_t& axis) const;
  Constant fold_concat();
  void lower_concat();
  void lower_split();

  // onnx_windows.cpp
  void lower_conv();
  void lower_average_pool();
  void lower_global_pool();
  void lower_reduce_mean();
  const Signal& need_image() const;
  Pads padding(const Shape& image, const Pair& extent, const Pair& strides) const;
  Shape window_shape(const Shape& image, std::int64_t channels, const Pair& extent, const Pair& strides,
                     const Pads& pads) const;

  onnx::ModelProto model_;
  std::string name_;
  std::int64_t budget_;
  std::int64_t opset_;
  Graph graph_;
  std::map<std::string, Value> values_;
  /// Of every tensor, what it is a polynomial in, element by element.
  std::vector<Polynomial> polynomials_;
  const onnx::NodeProto* node_ = nullptr;
};

}  // namespace blindsight::nn
