// Layouts for maps that are no convolution on a grid: rows with equal columns next to each other, copies, folds.
#pragma once

#include <vector>

#include "blindsight/compiler/cover.h"
#include "blindsight/compiler/layout.h"
#include "blindsight/nn/network.h"

namespace blindsight::compiler {

/// Input layouts worth trying beside grids: plain, and (where the first map is a convolution) one slot for every tap
/// and position.
std::vector<Layout> input_layouts(const nn::SparseMatrix& first, unsigned log_slots);

/// Placements worth trying for the rows of a small `map`.
std::vector<Placement> placements(const nn::SparseMatrix& map, unsigned log_slots);

}  // namespace blindsight::compiler
