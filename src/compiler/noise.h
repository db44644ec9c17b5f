// The noise that each ciphertext operation adds, as the standard deviation of a slot's (real) error.
#pragma once

#include <cstddef>
#include <vector>

#include "blindsight/ckks/parameters.h"

namespace blindsight::compiler {

/// Errors of a ring of degree 2^log_n with a uniform ternary secret; all in units of slot values.
///
/// A coefficient error of variance v at scale s gives a real slot error of variance v·(N/2)/s²: the real part of a sum
/// of N terms of absolute value 1.
class NoiseModel {
 public:
  /// Widths of the primes as real numbers: log2. `special_limbs`: for every level how many of log_p it uses; empty:
  /// all.
  NoiseModel(unsigned log_n, const std::vector<double>& log_q, const std::vector<double>& log_p,
             const std::vector<unsigned>& special_limbs = {});
  explicit NoiseModel(const ckks::ParametersLiteral& literal);

  /// Variances, from here on.
  /// Rounding of a plaintext of real slots to integers: mirrored coefficients share one error, which doubles what
  /// independent ones would give.
  double encoding(double scale) const { return slot(1.0 / 6, scale); }
  /// The same of slots that repeat: an element of the subring of degree 2·period.
  double encoding(double scale, std::size_t period) const { return static_cast<double>(period) / 6 / (scale * scale); }
  /// Secret-key encryption and the encoding before it.
  double fresh(double scale) const { return slot(ckks::kErrorStdDev * ckks::kErrorStdDev + 1.0 / 6, scale); }
  /// Division by a prime or by P, to a result of scale `scale`.
  double rounding(double scale) const { return slot((1 + 2 * n_ / 3) / 12, scale); }
  /// A rotation or relinearisation at `level` of a ciphertext of scale `scale`: a digit has as many limbs as the level
  /// has special ones.
  double key_switch(unsigned level, double scale) const { return extended_switch(level, scale) + rounding(scale); }
  /// From the ring of twice the degree to this one: two key switches with one division. What the ciphertext's own
  /// errors come to, averaged over two slots, is not counted here.
  double switch_ring(unsigned level, double scale) const { return 2 * extended_switch(level, scale) + rounding(scale); }
  /// A key switch over Q·P, before the division by P.
  double extended_switch(unsigned level, double scale) const { return slot(switch_variance_[level], scale); }

 private:
  double slot(double coefficient_variance, double scale) const {
    return coefficient_variance * n_ / 2 / (scale * scale);
  }
  double n_;
  std::vector<double> switch_variance_;  // of coefficients, by level
};

}  // namespace blindsight::compiler
