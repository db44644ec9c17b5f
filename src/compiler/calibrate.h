// How large values get on typical inputs, and how much an error in each of them moves the logits.
#pragma once

#include <vector>

#include "blindsight/nn/network.h"

namespace blindsight::compiler {

struct ValueStatistics {
  double range = 0;        ///< bound of |v|: twice the largest seen
  double mean_square = 0;  ///< over elements and inputs
  double mean_fourth = 0;  ///< likewise, of v⁴
  /// Variance of a logit (their mean) that independent errors of variance 1 in every element would cause: the sum over
  /// elements of squared derivatives, mean over inputs.
  double sensitivity = 0;
  double square_sensitivity = 0;  ///< the same for errors in v²
};

/// One entry a value (the input first). Derivatives by reverse differentiation from random signs on the logits, whose
/// squared sum has the wanted expectation. Deterministic. Throws UnsupportedModel where values overflow.
std::vector<ValueStatistics> measure(const nn::QuadraticNetwork& network,
                                     const std::vector<std::vector<double>>& inputs);

/// Inputs for want of typical ones: independent pixels and patches of one value, of absolute value at most `bound`.
std::vector<std::vector<double>> random_inputs(const nn::QuadraticNetwork& network, double bound, std::size_t count);

}  // namespace blindsight::compiler
