// What operations cost, counted in number-theoretic transforms of one limb of the full ring: work (work.h) at rates
// (rates.h).
#pragma once

#include <cstddef>

#include "blindsight/ckks/linear_map.h"
#include "blindsight/compiler/memory.h"
#include "blindsight/compiler/program.h"
#include "blindsight/compiler/rates.h"

namespace blindsight::compiler {

/// Prices of the operations on ciphertexts of level + 1 limbs, with `special_limbs` primes in P, in a ring of degree
/// 2^log_n, at reference_rates(), in transforms of a ring of degree 2^log_unit: what layouts, splits and parameters are
/// chosen by. Weights and keys are read from memory; where the unit's ring has degree 2^kPackedKeys or more, keys are
/// packed.
class LevelCost {
 public:
  LevelCost(unsigned level, unsigned special_limbs, unsigned log_n, unsigned log_unit);
  LevelCost(unsigned level, unsigned special_limbs, unsigned log_n = 14)
      : LevelCost(level, special_limbs, log_n, log_n) {}
  static constexpr unsigned kPackedKeys = 14;
  std::size_t slots;     ///< of the ring
  double decompose;      ///< ModUp of a polynomial: its digits over Q·P
  double mod_down;       ///< of a polynomial
  double switch_one;     ///< inner product of the digits with a key, and the automorphism of its result
  double product;        ///< ciphertext over Q·P times plaintext, added up, beside what the weight takes
  double plain_product;  ///< over Q
  double inner_sum;      ///< what a sum of such products costs beside them
  double lay_out;        ///< a ciphertext over Q·P laid out for the inner sums
  double rescale;
  double square;     ///< without its key switch
  double key_limbs;  ///< limbs of a seeded key of this level, in limbs of the unit's ring
  double giant;      ///< a giant step, or a conjugation: from and to Q·P
  double relinearise;
  double rotate;       ///< from Q to Q
  double switch_ring;  ///< to this ring from the one of twice the degree
  /// So many folds of one ciphertext over Q·P, two of them from the same digits by three rotations.
  double folds(std::size_t count) const;
  /// Reading a weight of that period from memory.
  double weight(std::size_t period) const;
  /// Encoding it as it is needed, and that.
  double encode(std::size_t period) const;

 private:
  double transforms_;  ///< of all limbs over Q·P
  double embedding_;   ///< of all slots
  double weight_;      ///< reading one of a value a slot
  double fold_round_;  ///< ModDown and digits
  double fold_rotation_;
};

/// Rotations that applying a plan performs.
struct KeySwitchCount {
  std::size_t babies = 0;          ///< hoisted rotations of an input
  std::size_t hoisted_inputs = 0;  ///< inputs that any baby step rotates
  std::size_t giants = 0, folds = 0;
  std::size_t rotated_inputs = 0, conjugations = 0;  ///< where diagonals go in pairs
  std::size_t total() const { return babies + giants + folds + rotated_inputs + conjugations; }
};
KeySwitchCount count_key_switches(const ckks::LinearMapPlan& plan);

/// Of the whole program, relinearisations included.
std::size_t count_key_switches(const Program& program);

/// Of a plan of the given counts, weights at hand.
double map_cost(const LevelCost& price, const KeySwitchCount& count, std::size_t terms, std::size_t outputs);

/// No plan with so many diagonals and folds costs less.
double map_cost_at_least(const LevelCost& price, std::size_t diagonals, std::size_t folds);

/// The work of one run, at these rates and on as many threads as they are for.
double predicted_latency_ms(const Program& program, const ckks::Context& context, const MemoryPlan& memory,
                            const Rates& rates);

}  // namespace blindsight::compiler
