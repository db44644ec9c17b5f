// A network as alternating sparse affine maps and element-wise squares: the form that the compiler consumes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "blindsight/nn/graph.h"
#include "blindsight/nn/network.h"
#include "blindsight/nn/tensor.h"

namespace blindsight::nn {

/// y = A·x + bias.
struct SparseAffine : SparseMatrix {
  std::vector<double> bias;  ///< one per row
  std::string name;          ///< the merged nodes, such as "conv1+flatten"
};

/// y = A_k(square(A_{k-1}( … square(A_0 x)))): affine.size() - 1 element-wise squares, one between neighbours.
/// x is the input image in row-major CHW order.
struct QuadraticChain {
  std::vector<SparseAffine> affine;
  Shape input_shape;
  bool softmax_output = false;  ///< the network ended in a softmax, which the client applies to y

  std::size_t depth() const { return affine.empty() ? 0 : affine.size() - 1; }
};

/// Merges every chain of linear layers into one affine map, and completes the square of quadratic activations
/// a·x² + b·x + c, whose constants go into the neighbouring maps.
/// Throws UnsupportedModel, naming the node, for residual networks and for activations with a = 0 somewhere.
QuadraticChain to_chain(const Graph& graph);

/// A·x + bias. Throws InvalidArgument unless x has map.cols elements.
std::vector<double> apply(const SparseAffine& map, std::span<const double> x);

/// The chain's exact value. Throws InvalidArgument unless the input has the elements of input_shape.
std::vector<double> evaluate(const QuadraticChain& chain, std::span<const double> input);

}  // namespace blindsight::nn
