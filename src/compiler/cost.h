// What operations cost, counted in number-theoretic transforms of one limb of the full ring.
#pragma once

#include <cstddef>

#include "blindsight/ckks/linear_map.h"
#include "blindsight/compiler/program.h"

namespace blindsight::compiler {

/// A transform in the ring that is so many steps smaller than one of degree 2^log_n, in transforms of that one.
double ring_price(unsigned log_n, unsigned steps);

/// Prices of the operations on ciphertexts of level + 1 limbs, with `special_limbs` primes in P; `ring`: of a
/// transform.
class LevelCost {
 public:
  LevelCost(unsigned level, unsigned special_limbs, double ring = 1);
  double decompose;      ///< ModUp of a polynomial: its digits over Q·P
  double mod_down;       ///< of a polynomial
  double switch_one;     ///< inner product of the digits with a key, and the automorphism of its result
  double product;        ///< ciphertext over Q·P times plaintext, added up
  double plain_product;  ///< over Q
  double rescale;
  double square;       ///< without its key switch
  double key_limbs;    ///< limbs of a seeded key of this level, in limbs of the largest ring
  double switch_ring;  ///< to this ring from the one of twice the degree
  /// Of a ciphertext over Q to one over Q.
  double key_switch() const { return decompose + switch_one + 2 * mod_down; }
  /// A giant step or fold: from and to Q·P.
  double giant() const { return mod_down + decompose + switch_one; }
  /// Encoding a plaintext of that period as it is needed, slots being those of the ring.
  double encode(std::size_t period, std::size_t slots) const;

 private:
  double ring_, extended_;
};

/// Rotations that applying a plan performs.
struct KeySwitchCount {
  std::size_t babies = 0;          ///< hoisted rotations of an input
  std::size_t hoisted_inputs = 0;  ///< inputs that any baby step rotates
  std::size_t giants = 0, folds = 0;
  std::size_t total() const { return babies + giants + folds; }
};
KeySwitchCount count_key_switches(const ckks::LinearMapPlan& plan);

/// Of the whole program, relinearisations included.
std::size_t count_key_switches(const Program& program);

/// Of a plan of the given counts, weights at hand.
double map_cost(const LevelCost& price, const KeySwitchCount& count, std::size_t terms, std::size_t outputs);

/// No plan with so many diagonals and folds costs less.
double map_cost_at_least(const LevelCost& price, std::size_t diagonals, std::size_t folds);

/// The rings that a program has, or only its largest.
enum class Rings { kAll, kOne };
/// Transforms that the program's ciphertext operations amount to; maps marked in `cached` have their weights at hand.
double cost(const Program& program, const std::vector<bool>& cached, Rings rings = Rings::kAll);

/// Nanoseconds that a transform of one limb takes on this machine, one thread: the least of several.
double measure_transform_ns(const ckks::Context& context);

/// One thread, at so many nanoseconds a transform.
double predicted_latency_ms(const Program& program, const std::vector<bool>& cached, double transform_ns);

}  // namespace blindsight::compiler
