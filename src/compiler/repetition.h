// Maps that do the same everywhere: their weights repeat in the slots.
#pragma once

#include "blindsight/compiler/cover.h"

namespace blindsight::compiler {

/// log2 of the fewest slots after which all diagonals of `map` repeat, given that moving input and output together by
/// so many slots turns the map into itself: helical convolutions with channels in the lowest slots do. `input` has
/// ciphertexts of as many slots as `placement`; log_slots where nothing repeats sooner, or partial sums are folded.
unsigned log_repetition(const Layout& input, const nn::SparseMatrix& map, const Placement& placement);

/// The rows of `map` that stand in the first 2^log_slots slots of a ciphertext, the others without weights: what has to
/// be known of a map that repeats so.
nn::SparseMatrix first_repetition(const nn::SparseMatrix& map, const Placement& placement, unsigned log_slots);

}  // namespace blindsight::compiler
