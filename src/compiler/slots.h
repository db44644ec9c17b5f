// Linear maps on clear slot vectors: what a transform does, exactly.
#pragma once

#include <span>
#include <vector>

#include "blindsight/ckks/linear_transform.h"

namespace blindsight::compiler {

/// y[s] += d[s]·x[s + k], cyclically.
void add_rotated_product(std::span<double> y, std::span<const double> d, std::span<const double> x, std::size_t k);
/// y += rot_k(y).
void fold(std::vector<double>& y, int k);
/// The plan's value on x.
std::vector<double> apply(const ckks::LinearTransformPlan& plan, std::span<const std::vector<double>> diagonals,
                          std::span<const double> x);
/// Rotation normalised to [0, slots).
inline std::size_t cyclic(long k, std::size_t slots) {
  const auto n = static_cast<long>(slots);
  return static_cast<std::size_t>(((k % n) + n) % n);
}

}  // namespace blindsight::compiler
