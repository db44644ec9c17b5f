// A network as stages, each a sum of sparse linear maps of earlier stages' values or squares: the form that the
// compiler consumes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "blindsight/nn/graph.h"
#include "blindsight/nn/tensor.h"

namespace blindsight::nn {

/// Compressed sparse rows: the entries of row r are value[row_begin[r] .. row_begin[r+1]), their columns strictly
/// ascending, without explicit zeros.
struct SparseMatrix {
  std::size_t rows = 0;
  std::size_t cols = 0;
  std::vector<std::uint32_t> row_begin;  ///< rows + 1 offsets
  std::vector<std::uint32_t> col;
  std::vector<double> value;

  std::size_t nonzeros() const { return value.size(); }
};

/// One summand of a stage: matrix · v, or matrix · v² (element by element), v being value number `value`.
struct StageTerm {
  std::size_t value = 0;  ///< 0: the network's input; k: the value of stage k - 1
  bool squared = false;
  SparseMatrix matrix;
};

/// One vector: the sum of its terms, plus the bias. What the compiler pays a level for.
struct Stage {
  std::string name;  ///< its convolutions, dense layers and pools, such as "conv1+pool1"
  Shape shape;       ///< CHW or a vector; element_count(shape) rows
  std::vector<StageTerm> terms;
  std::vector<double> bias;
};

/// Value 0 is the input in row-major CHW order, value k that of stages[k - 1]; the last stage is the output. Every
/// stage but the last is read by a later one.
struct QuadraticNetwork {
  Shape input_shape;
  std::vector<Stage> stages;
  bool softmax_output = false;  ///< the network ended in a softmax, which the client applies to the output

  /// Levels that value `value` lies below the input: the longest way to it, in stages.
  std::vector<unsigned> depths() const;
  /// Of the output.
  unsigned depth() const;
};

/// How quadratic activations a·x² + b·x + c become monic squares.
struct NetworkOptions {
  /// The square is completed, a·(x + b/2a)² + rest, where |b/2a| is at most this, in units of the tensor that the
  /// graph squares (behind a batch norm, say); elsewhere (a = 0 included) the stage that follows reads both the square
  /// and the value itself.
  double largest_shift = 64;
};

/// Merges chains of linear layers into one map, recognises quadratic activations and gives them the form above.
/// The linear part of a tensor that becomes a stage is from then on read from that stage, not computed again.
/// Throws UnsupportedModel, naming the node, where merged weights overflow or exceed kMaxNonzeros.
QuadraticNetwork to_network(const Graph& graph, const NetworkOptions& options = {});

/// y += matrix · x. Throws InvalidArgument where sizes don't fit.
void add_product(const SparseMatrix& matrix, std::span<const double> x, std::span<double> y);

/// Every stage's value, in order; the last is the output. Throws InvalidArgument unless the input has the elements of
/// input_shape.
std::vector<std::vector<double>> evaluate_stages(const QuadraticNetwork& network, std::span<const double> input);

/// One line a stage: name, shape, what it reads, nonzeros.
std::ostream& operator<<(std::ostream& out, const QuadraticNetwork& network);

}  // namespace blindsight::nn
