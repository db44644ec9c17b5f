// Rotations as a baby step plus a giant step.
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
  std::set<int> present;  ///< rotations in [1, slots) that have a key already
};

/// Terms of a plan, one for each diagonal (by index), with the cheapest of the splits tried: by residues of all powers
/// of two, by fields of bits, for short lists by small multiples of the rotations' common divisor too.
/// `slots`: period of the tensors; every rotation is below it. Giant steps are in [0, slots), so that few differences
/// between them are few keys; baby steps go the shorter way round.
std::vector<ckks::LinearMapPlan::Term> split_rotations(std::span<const CoveringDiagonal> diagonals, std::size_t slots,
                                                       const LevelCost& price, const KeyPrice& keys = {});

}  // namespace blindsight::compiler
