// Widths of the primes and scales of the values, by predicted error.
#pragma once

#include <optional>
#include <vector>

#include "blindsight/compiler/calibrate.h"

namespace blindsight::compiler {

/// A chain of D affine maps takes D words: map k divides by q[D - k].
///
/// Values before a square and after a map have scale 2^log_delta; squares are left at its square until the next map,
/// whose weights are encoded at whatever scale makes the division end at 2^log_delta again (2^log_out for the last).
struct ScalePlan {
  std::vector<unsigned> q_bits;  ///< q_bits[0] is what the result is left with
  unsigned p_bits = 0;
  double log_delta = 0;
  double log_first_weight = 0;  ///< scale of the first map's weights; sets the input's
  double log_out = 0;
};

struct ParameterChoice {
  ScalePlan scales;
  double error = 0;  ///< predicted standard deviation of a logit
};

/// Margin for the result over the bound of the logits.
inline constexpr double kOutputMargin = 8;

/// Predicted standard deviation of the result's error; infinity where values would not fit the modulus.
double predicted_error(unsigned log_n, const ScalePlan& scales, const std::vector<MapStatistics>& maps);

/// Among all widths that 128-bit security allows, those with the least predicted error, the last prime as narrow as
/// costs at most a fifth of that or stays below a fifth of `precision`. nullopt where no widths serve at all.
std::optional<ParameterChoice> search_parameters(unsigned log_n, const std::vector<MapStatistics>& maps,
                                                 double precision);

/// Whether so many maps might fit the ring: a quick bound.
bool may_fit(unsigned log_n, std::size_t maps);

}  // namespace blindsight::compiler
