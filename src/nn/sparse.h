// Layers as sparse matrices, and the algebra that merges them. Private to the room.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

#include "blindsight/nn/graph.h"
#include "blindsight/nn/network.h"

namespace blindsight::nn {

/// A merged linear layer may hold at most this many nonzeros (12 bytes each).
inline constexpr std::size_t kMaxNonzeros = std::size_t{1} << 26;

/// x -> matrix · x + bias.
struct LinearLayer {
  SparseMatrix matrix;
  std::vector<double> bias;
};

/// A layer that combines elements, as a function of its argument number `argument` (of shape `in`); the bias goes with
/// argument 0. Throws UnsupportedModel where the matrix would exceed kMaxNonzeros, InvalidArgument where the operation
/// is no such layer.
LinearLayer to_linear(const Operation& operation, std::size_t argument, const Shape& in, const Shape& out);

SparseMatrix identity_matrix(std::size_t size);

/// Multiply every column, every row with its factor; products that are 0 go.
void scale_columns(SparseMatrix& matrix, std::span<const double> factors);
void scale_rows(SparseMatrix& matrix, std::span<const double> factors);

/// outer · inner, or nothing where that would have more than `limit` nonzeros.
std::optional<SparseMatrix> product(const SparseMatrix& outer, const SparseMatrix& inner, std::size_t limit);

/// Multiplications that product() needs.
std::size_t product_cost(const SparseMatrix& outer, const SparseMatrix& inner);

/// f + g. Throws UnsupportedModel beyond kMaxNonzeros.
SparseMatrix sum(const SparseMatrix& f, const SparseMatrix& g);

}  // namespace blindsight::nn
