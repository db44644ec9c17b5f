// From affine maps to diagonals: where every tensor stands, and with which rotations it gets there.
#pragma once

#include <vector>

#include "blindsight/ckks/linear_transform.h"
#include "blindsight/compiler/cover.h"
#include "blindsight/nn/affine.h"

namespace blindsight::compiler {

/// One affine map on slots.
struct LoweredMap {
  ckks::LinearTransformPlan plan;
  std::vector<std::vector<double>> diagonals;
  std::vector<double> bias;  ///< on slots; zero where no row stands
  Layout output;
};

/// A chain on slots. Says nothing of levels and scales.
struct Lowered {
  Layout input;
  std::vector<LoweredMap> maps;
  double cost = 0;  ///< in transforms of one limb, see cost.h
};

/// Rows with identical columns, in order of first appearance; empty unless every group has the same number of rows.
std::vector<std::vector<std::uint32_t>> group_rows(const nn::SparseAffine& map);

/// Input layouts worth trying: plain, and (where the first map is a convolution) one slot for every tap and position.
std::vector<Layout> input_layouts(const nn::SparseAffine& first, unsigned log_slots);

/// Placements worth trying for the rows of `map`.
std::vector<Placement> placements(const nn::SparseAffine& map, unsigned log_slots);

/// The cheapest of the layouts tried (a beam search over the chain). Throws UnsupportedModel where a tensor does not
/// fit 2^log_slots slots.
Lowered lower(const nn::QuadraticChain& chain, unsigned log_slots);

}  // namespace blindsight::compiler
