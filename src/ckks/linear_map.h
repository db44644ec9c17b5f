// Matrices on the slots of several ciphertexts, by diagonals, baby steps and giant steps (Halevi, Shoup 2014/2018) with
// double hoisting (Bossuat, Mouchet, Troncoso-Pastoriza, Hubaux 2021, section 4.2). Giant steps are taken from the
// largest down, each from where the one before it left off: a grid of them needs one key.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "blindsight/base/error.h"
#include "blindsight/ckks/encoder.h"
#include "blindsight/ckks/evaluator.h"

namespace blindsight::ckks {

/// The weights of one diagonal. Its length is a power of two that divides the number of slots: it repeats.
/// At most 256 distinct values: a table and one byte a slot; else the values themselves.
class Diagonal {
 public:
  Diagonal() = default;
  /// Finds the shortest period. Throws InvalidArgument unless the length is a power of two.
  explicit Diagonal(std::span<const double> values);
  /// From the parts that table() and index() give. Throws InvalidArgument where they make no diagonal: a period that is
  /// no power of two, more than 256 entries beside an index, an index beyond them, a value that is not finite.
  Diagonal(std::vector<double> table, std::vector<std::uint8_t> index);
  std::size_t period() const { return index_.empty() ? table_.size() : index_.size(); }
  double operator[](std::size_t slot) const {  // any slot
    const std::size_t s = slot & (period() - 1);
    return index_.empty() ? table_[s] : table_[index_[s]];
  }
  std::vector<double> values() const;  ///< one period
  const std::vector<double>& table() const { return table_; }
  const std::vector<std::uint8_t>& index() const { return index_; }
  std::size_t bytes() const { return table_.size() * sizeof(double) + index_.size(); }
  bool operator==(const Diagonal&) const = default;

 private:
  std::vector<double> table_;
  std::vector<std::uint8_t> index_;
};

inline Diagonal::Diagonal(std::vector<double> table, std::vector<std::uint8_t> index)
    : table_(std::move(table)), index_(std::move(index)) {
  if (!std::has_single_bit(period())) throw InvalidArgument("a diagonal's period is not a power of two");
  if (!index_.empty() && table_.size() > 256) throw InvalidArgument("a diagonal's table has over 256 entries");
  for (const std::uint8_t i : index_) {
    if (i >= table_.size()) throw InvalidArgument("a diagonal's index points beyond its table");
  }
  for (const double v : table_) {
    if (!std::isfinite(v)) throw InvalidArgument("a diagonal holds a value that is not finite");
  }
}

/// y_o = Σ_g rot_g(Σ_{i,b} rot_{-g}(diagonal) ⊙ rot_b(x_i)) over the terms of output o, then the folds.
///
/// With `paired` = s, not 0, every product serves two diagonals, of the rotations k and k + s: inputs, whose slots are
/// real, are taken as x − η·rot_s(x), diagonals as diagonal ± η·partner, and outputs are real parts. η = X^(N/2), which
/// is i·(−1)^j in slot j: no multiplication by it costs a level.
struct LinearMapPlan {
  struct Term {
    std::uint32_t input = 0, output = 0;
    int baby = 0, giant = 0;     ///< rotations, in slots to the left; a diagonal k is split as k = baby + giant
    std::uint32_t diagonal = 0;  ///< index into the diagonals; diagonal[s] multiplies x_i[s + k] into y_o[s]
    std::uint32_t partner = 0;   ///< the same for x_i[s + k + paired], where that is not 0
  };
  std::uint32_t inputs = 1, outputs = 1;
  std::vector<Term> terms;  ///< sorted by (output, giant, input, baby)
  std::vector<int> folds;   ///< then y_o += rot_f(y_o) for each f in order, two at a time
  int paired = 0;
};

/// Rotations that applying the plan needs keys for (baby steps, differences of neighbouring giant steps, folds, that of
/// pairs), each in (-slots, slots), not 0, ascending. Pairs take the key of the conjugation too.
std::vector<int> rotations_of(const LinearMapPlan& plan, std::uint32_t slots);

/// Where weights of single diagonals are yet to be encoded: inner sums that are made together, a block of a limb's baby
/// steps after the other, and words of a limb of their weights. What two threads have at hand, these and their baby
/// steps, should stay in a last-level cache; what a map takes in memory depends on both. Where weights are kept, all
/// are made together; those of pairs are encoded limb by limb by all threads.
inline constexpr std::size_t kGroupsTogether = 8, kWordsTogether = std::size_t{1} << 20;

/// A plan with its weights: encoded beforehand (`cache`), or encoded as they are needed.
class LinearMap {
 public:
  /// `weight_scale[i]`: scale of the diagonals that multiply input i. `diagonals` must outlive this.
  LinearMap(const Encoder& encoder, LinearMapPlan plan, std::span<const Diagonal> diagonals,
            std::vector<double> weight_scale, unsigned level, bool cache);
  /// What `cache` takes: bytes of the encoded weights.
  static std::size_t encoded_bytes(const Context& context, const LinearMapPlan& plan,
                                   std::span<const Diagonal> diagonals, unsigned level);
  /// Inputs of this map's level whose scale times the weights' is one for all. Ciphertexts over Q_level, not rescaled.
  /// Throws InvalidArgument where levels or scales don't fit, KeyMismatch where a key is absent.
  std::vector<Ciphertext> apply(const Evaluator& evaluator, std::span<const Ciphertext* const> inputs,
                                const EvaluationKeys& keys) const;

 private:
  const Encoder* encoder_;
  LinearMapPlan plan_;
  std::span<const Diagonal> diagonals_;
  std::vector<double> weight_scale_;
  unsigned level_;
  // cache: see linear_map.cpp
  struct Encoded;
  std::shared_ptr<const Encoded> encoded_;
};

}  // namespace blindsight::ckks
