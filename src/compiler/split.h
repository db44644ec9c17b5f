// Rotations as a baby step plus a giant step, and diagonals in pairs.
#pragma once

#include <cstdint>
#include <set>
#include <span>
#include <vector>

#include "blindsight/compiler/cost.h"
#include "blindsight/compiler/cover.h"

namespace blindsight::compiler {

/// What a rotation key not in use elsewhere counts, in transforms.
struct KeyPrice {
  double each = 0;
  std::set<int> present;     ///< rotations in [1, slots) that have a key already
  bool conjugation = false;  ///< whether that has
};

/// A ciphertext that a linear map reads.
struct SplitInput {
  std::size_t period = 1;  ///< with which it repeats: divides the slots
  double weight = 0;       ///< what one diagonal's weight costs beside its product
};

struct Split {
  /// Sorted. Diagonals and partners are indices; that behind the last one stands for a diagonal of zeros.
  std::vector<ckks::LinearMapPlan::Term> terms;
  int paired = 0;
  double weights = 0;  ///< what they cost
};

/// The cheapest of the plans tried: every diagonal by itself, or in pairs, where `pairs` allows it, of those half an
/// input's period apart or, where few are, of those some power of two apart; rotations split by residues of all powers
/// of two, by fields of bits, for short lists by small multiples of their common divisor too. `slots`: period of the
/// tensors; every rotation is below it. Giant steps are in [0, slots), so that few differences between them are few
/// keys; baby steps go the shorter way round.
Split split_rotations(std::span<const CoveringDiagonal> diagonals, std::size_t slots,
                      std::span<const SplitInput> inputs, const LevelCost& price, const KeyPrice& keys = {},
                      bool pairs = true);

}  // namespace blindsight::compiler
