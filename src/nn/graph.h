// What a network means: its layers in topological order, freed of ONNX.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <iosfwd>
#include <string>
#include <variant>
#include <vector>

#include "blindsight/nn/tensor.h"

namespace blindsight::nn {

/// Extents along height and width.
using Pair = std::array<std::int64_t, 2>;
/// Padding, in ONNX order: top, left, bottom, right.
using Pads = std::array<std::int64_t, 4>;

/// Cross-correlation of a CHW image, zero padded.
struct Conv {
  Tensor weight;             ///< {out, in / groups, kernel height, kernel width}
  std::vector<double> bias;  ///< one per output channel
  Pair strides{1, 1};
  Pair dilations{1, 1};
  Pads pads{};
  std::int64_t groups = 1;
};

/// y = W·x + bias on a vector.
struct Dense {
  Tensor weight;  ///< {out, in}
  std::vector<double> bias;
};

/// Sum of two tensors of one shape.
struct Add {};

/// Adds a constant. Every value serves a run of (elements / value.size()) consecutive elements: one value serves the
/// whole tensor, one per channel its channel, one per element that element.
struct AddConst {
  std::vector<double> value;
};

/// Multiplies with a constant, broadcast as in AddConst.
struct MulConst {
  std::vector<double> value;
};

/// x², element by element.
struct Square {};

/// Product of two tensors of one shape, both affine, element by element, in the same third one.
struct Product {};

/// Mean over windows of a CHW image.
struct AveragePool {
  Pair kernel{1, 1};
  Pair strides{1, 1};
  Pads pads{};
  bool count_include_pad = false;  ///< whether padding counts in the divisor
};

/// Mean over height and width of a CHW image.
struct GlobalAveragePool {};

/// Another shape for the same row-major elements (Flatten, Reshape, Squeeze, Unsqueeze).
struct Reshape {};

/// Every element a copy of one of the inputs', or a constant (Slice, Pad, Transpose, Concat).
struct Gather {
  static constexpr std::uint32_t kConstant = 0xffffffff;
  struct Source {
    std::uint32_t input;  ///< which of the node's inputs, or kConstant
    std::uint32_t index;  ///< of the element in it, or in `constants`
  };
  std::vector<Source> sources;  ///< one per element of the result, row-major
  std::vector<double> constants;
};

using Operation = std::variant<Conv, Dense, Add, AddConst, MulConst, Square, Product, AveragePool, GlobalAveragePool,
                               Reshape, Gather>;

/// One layer; its value is tensor number `index in Graph::nodes` + 1 (the graph's input is tensor 0).
struct Node {
  std::string name;  ///< the ONNX node's name, or its output's name where it has none
  std::string type;  ///< the ONNX operator, such as "Gemm"
  Operation operation;
  std::vector<std::size_t> inputs;  ///< tensor numbers, all below this node's own
  Shape shape;                      ///< of the output, without batch axis
};

/// Nodes in topological order; every one of them contributes to the output.
struct Graph {
  std::string name;
  std::string input_name;
  std::string output_name;
  Shape input_shape;  ///< CHW
  std::vector<Node> nodes;
  bool softmax_output = false;  ///< a softmax was at the end; it is dropped here and applied by the client

  /// Shape of tensor 0 (the input) or of node number `tensor` - 1.
  const Shape& shape_of(std::size_t tensor) const { return tensor == 0 ? input_shape : nodes[tensor - 1].shape; }
  /// Number of the tensor that is the network's output: the last one.
  std::size_t output() const { return nodes.size(); }
};

/// For every tensor, the number of the last node that reads it (its own tensor's), 0 where none does.
std::vector<std::size_t> last_readers(const Graph& graph);

/// Name of the operation's kind, such as "Conv".
const char* kind_name(const Operation& operation);

/// One line a node, for people.
std::ostream& operator<<(std::ostream& out, const Graph& graph);
std::string to_string(const Graph& graph);

}  // namespace blindsight::nn
