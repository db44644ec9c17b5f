// Widths of the primes and scales of the values, by predicted error.
#pragma once

#include <optional>
#include <vector>

#include "blindsight/compiler/calibrate.h"
#include "blindsight/compiler/lowering.h"

namespace blindsight::compiler {

/// A network of depth D takes D words: a map whose result lies d words below the input divides by q[D + 1 - d].
///
/// Value v has scale 2^log_scale[v]; squares are left at its square until the next map, whose weights are encoded at
/// whatever scale makes the division end at the scale of its own value.
struct ScalePlan {
  std::vector<unsigned> q_bits;  ///< q_bits[0] is what the result is left with
  std::vector<unsigned> p_bits;
  std::vector<ckks::SmallerRing> smaller;
  std::vector<double> log_scale;  ///< by value; the first is the input's, the last the output's
};

/// What the error of one lowered stage depends on.
struct StageErrors {
  struct Source {
    std::size_t value = 0;
    bool squared = false;
    double weight_error = 0;  ///< times the variance of one weight's encoding error: that of a row
    double rotated_gain = 0;  ///< mean over rows of the squared norm of the weights on rotated inputs
    double paired_gain = 0;   ///< and of all weights, where they go in pairs
    /// Diagonals of about this root mean square over their slots, and the mean square that they contribute to a row.
    struct Loss {
      double rms = 0, contribution = 0;
    };
    std::vector<Loss> losses;
  };
  std::vector<Source> sources;
  std::size_t period = 0;
  double giants = 0;        ///< key switches after the products
  bool paired = false;      ///< diagonals go in pairs: errors of imaginary parts are read too
  double partial_sums = 1;  ///< that the folds add up
  double slot_bound = 0;    ///< bound of |value| over all slots, unread ones included
};

struct ErrorModel {
  std::vector<unsigned> depths;  ///< of every value
  std::vector<ValueStatistics> values;
  std::vector<bool> squared;  ///< whether any stage reads the value's square
  std::vector<StageErrors> stages;
};

/// From the network alone, before it has been lowered: no layout has a smaller error.
ErrorModel least_errors(const nn::QuadraticNetwork& network, const std::vector<ValueStatistics>& values);
/// `inputs`: for the values in slots that nothing reads, which only small networks have.
ErrorModel errors_of(const nn::QuadraticNetwork& network, const std::vector<ValueStatistics>& values,
                     const Lowered& lowered, const std::vector<std::vector<double>>& inputs);

struct ParameterChoice {
  ScalePlan scales;
  double error = 0;  ///< predicted standard deviation of a logit
};

/// Margin for the result over the bound of the logits.
inline constexpr double kOutputMargin = 8;

/// Predicted standard deviation of the result's error; infinity where values would not fit the modulus.
double predicted_error(unsigned log_n, const ScalePlan& scales, const ErrorModel& model);

/// Special primes of the largest ring, and the smaller rings that maps go on in.
struct RingChoice {
  unsigned special_limbs = 1;
  std::vector<ckks::SmallerRing> smaller;
};

/// The chain of rings, of at most so many smaller ones, that makes typical linear maps cheapest: each within 128 bits
/// for words of full width, and with slots for the tensors. `needed_log_slots`: by level of a map, what its largest
/// tensor fills.
RingChoice choose_rings(unsigned log_n, const std::vector<unsigned>& needed_log_slots, std::size_t most);

/// Among all widths that 128-bit security allows, those with the least predicted error, the last prime as narrow as
/// costs at most a fifth of that or stays below a fifth of `precision`. nullopt where no widths serve at all.
std::optional<ParameterChoice> search_parameters(unsigned log_n, const ErrorModel& model, const RingChoice& rings,
                                                 double precision);

/// Whether so many words might fit the ring: a quick bound.
bool may_fit(unsigned log_n, std::size_t depth);

}  // namespace blindsight::compiler
