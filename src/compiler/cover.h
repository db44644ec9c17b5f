// Which rotations bring every weight's column under its row: a greedy set cover.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "blindsight/compiler/layout.h"
#include "blindsight/nn/network.h"

namespace blindsight::compiler {

/// Where the rows of a linear map come to stand, and which slots are added up to give them.
///
/// Slots are numbered over all ciphertexts of the tensor, ciphertext after ciphertext: their bits from log_slots on
/// name the ciphertext. Bits [row_bit, row_bit + row_bits) hold the row's position. Slots that differ only in bits [0,
/// low_folds) or in bits [high_fold_bit, log_slots) hold partial sums of one row, added up by rotations: over the high
/// bits cyclically, so that all of them end with the sum; over the low bits only where these are zero. The bits left
/// over hold copies of the row where `replicate` is set, nothing otherwise. Folds need a single ciphertext.
struct Placement {
  unsigned log_slots = 0;
  unsigned log_ciphertexts = 0;
  unsigned row_bit = 0;
  unsigned row_bits = 0;
  unsigned low_folds = 0;
  unsigned high_fold_bit = 0;
  bool replicate = false;
  std::vector<std::uint32_t> position;  ///< of every row, below 2^row_bits

  std::size_t slots() const { return std::size_t{1} << log_slots; }
  std::size_t ciphertexts() const { return std::size_t{1} << log_ciphertexts; }
  std::size_t folds() const { return low_folds + (log_slots - high_fold_bit); }
  std::uint32_t fold_mask() const;
  /// Row that slot s of the tensor holds a partial sum of, or -1.
  std::vector<std::int32_t> rows() const;
  /// The layout after the folds.
  Layout layout() const;
  /// Rotations of the folds, in order.
  std::vector<int> fold_rotations() const;
  bool operator==(const Placement&) const = default;
};

/// Diagonals between one tensor's ciphertexts and another's: weight[s] multiplies slot s + rotation (cyclically) of
/// ciphertext `input` into (partial) slot s of ciphertext `output`.
struct CoveringDiagonal {
  std::uint32_t input = 0, output = 0;
  std::uint32_t rotation = 0;
  std::vector<double> weight;  ///< empty where only the count was asked for
};

/// Index of the slots that hold each element.
struct SlotsOfElement {
  SlotsOfElement(const Layout& layout, std::size_t elements);
  std::vector<std::uint32_t> begin, slot;
};

enum class Weights : bool { kLeaveOut, kFill };

/// Rotations, each covering as many products as possible, in ascending order of (output, input, rotation); nullopt
/// where more than `limit` are needed or where the search would take more than `work_limit` steps. Deterministic.
/// Throws InvalidArgument where a column that the map needs stands nowhere.
std::optional<std::vector<CoveringDiagonal>> cover(const Layout& input, const SlotsOfElement& slots_of,
                                                   const nn::SparseMatrix& map, const Placement& placement,
                                                   std::size_t limit, Weights weights, double work_limit = 1e18);

/// Products of `map` that the placement asks for.
std::size_t units(const nn::SparseMatrix& map, const Placement& placement);

}  // namespace blindsight::compiler
