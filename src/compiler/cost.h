// What operations cost, counted in number-theoretic transforms of one limb.
#pragma once

#include <cstddef>

#include "blindsight/ckks/linear_transform.h"
#include "blindsight/compiler/program.h"

namespace blindsight::compiler {

/// Prices of the operations at one level, one special prime.
struct LevelCost {
  explicit LevelCost(unsigned level);
  double decompose;   ///< digits of a polynomial
  double switch_one;  ///< inner product with a key and division by P
  double product;     ///< ciphertext times plaintext, added up
  double rescale;
  double square;  ///< without its key switch
  double key_switch() const { return decompose + switch_one; }
  double transform(const ckks::LinearTransformPlan& plan) const;
  /// No plan with so many diagonals and folds costs less.
  double transform_at_least(std::size_t diagonals, std::size_t folds) const;
};

/// Rotations (babies, giants, folds) that applying a plan performs.
struct KeySwitchCount {
  std::size_t babies = 0, giants = 0, folds = 0;
  std::size_t total() const { return babies + giants + folds; }
};
KeySwitchCount count_key_switches(const ckks::LinearTransformPlan& plan);

/// Of the whole program, relinearisations included.
std::size_t count_key_switches(const Program& program);

/// Transforms that the program's ciphertext operations amount to.
double cost(const Program& program);

/// One thread, with transforms of the speed that `docs/benchmarks.md` gives for AVX2.
double predicted_latency_ms(const Program& program);

}  // namespace blindsight::compiler
