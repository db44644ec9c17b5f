// Layers as sparse matrices, and the algebra that merges them. Private to the room.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "blindsight/nn/affine.h"
#include "blindsight/nn/graph.h"

namespace blindsight::nn {

/// A merged affine map may hold at most this many nonzeros (12 bytes each).
inline constexpr std::size_t kMaxNonzeros = std::size_t{1} << 26;

SparseAffine identity_map(std::size_t size);
SparseAffine to_sparse(const Conv& conv, const Shape& in, const Shape& out);
SparseAffine to_sparse(const Dense& dense);
SparseAffine to_sparse(const AveragePool& pool, const Shape& in, const Shape& out);
SparseAffine to_sparse(const GlobalAveragePool& pool, const Shape& in);

/// x -> outer(inner(x)), with an empty name. Throws UnsupportedModel beyond kMaxNonzeros.
SparseAffine compose(const SparseAffine& outer, const SparseAffine& inner);

/// x -> f(x) + g(x), with an empty name.
SparseAffine sum(const SparseAffine& f, const SparseAffine& g);

/// x -> scale * f(x) + shift, element by element; keeps the name.
SparseAffine scaled(const SparseAffine& f, std::span<const double> scale, std::span<const double> shift);

}  // namespace blindsight::nn
