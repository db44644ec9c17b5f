// Matrices on slots, by diagonals, baby steps and giant steps (Halevi, Shoup 2014/2018).
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "blindsight/ckks/encoder.h"
#include "blindsight/ckks/evaluator.h"

namespace blindsight::ckks {

/// Σ_k diag_k ⊙ rot_k(x), evaluated as Σ_g rot_g(Σ_b rot_{-g}(diag_{g+b}) ⊙ rot_b(x)); then
/// the folds.
struct LinearTransformPlan {
  struct Term {
    int baby;
    int giant;               ///< rotations, in slots to the left; a diagonal k is split as k = baby + giant
    std::uint32_t diagonal;  ///< index into the diagonals
  };
  std::vector<Term> terms;
  std::vector<int> folds;  ///< then y += rot_f(y) for each f in order
};

/// The diagonals, encoded over Q_level·P (giant-step rotation applied to them already); terms[i] uses diagonals[i].
struct EncodedTransform {
  LinearTransformPlan plan;
  std::vector<ring::EvalPoly> diagonals;
  double scale = 1;
  unsigned level = 0;
};

/// Splits the rotations into baby and giant steps with the fewest key switches (0 is free); deterministic.
/// `slots` is the cyclic length of rotations; every k in [0, slots).
std::vector<LinearTransformPlan::Term> split_rotations(std::span<const std::uint32_t> rotations, std::uint32_t slots);

/// Folds two at a time: f and g become one round of the rotations {f, g, f + g}, all from one decomposition.
std::vector<std::vector<int>> fold_rounds(const LinearTransformPlan& plan);

/// Rotations in [1, slots) that applying the plan needs, ascending.
std::vector<int> rotations_of(const LinearTransformPlan& plan, std::uint32_t slots);

/// diagonals[k][slot], not yet rotated for the giant steps; term i uses diagonals[plan.terms[i].diagonal].
EncodedTransform encode_transform(const Encoder& encoder, const LinearTransformPlan& plan,
                                  std::span<const std::vector<double>> diagonals, double scale, unsigned level);

/// Double hoisted: baby steps, giant steps and folds stay over Q·P, with one ModDown of a single polynomial a giant
/// step or round and one of two polynomials at the end. The result has scale x.scale · diagonal scale, at x's level,
/// which must be the transform's; not rescaled.
Ciphertext apply(const Evaluator& evaluator, const EncodedTransform& transform, const Ciphertext& x,
                 const EvaluationKeys& keys);

}  // namespace blindsight::ckks
