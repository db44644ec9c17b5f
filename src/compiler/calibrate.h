// How large values get: what margins and noise depend on.
#pragma once

#include <vector>

#include "blindsight/compiler/lowering.h"
#include "blindsight/nn/affine.h"

namespace blindsight::compiler {

/// Bounds of |values| after each affine map, from random inputs of absolute value at most `input_bound` (noise and
/// images of large patches), with a factor of two to spare. Deterministic.
std::vector<double> estimate_ranges(const nn::QuadraticChain& chain, double input_bound);

/// What the error estimate needs to know of one lowered map.
struct MapStatistics {
  double gain = 0;          ///< mean over rows of the squared norm of the weights
  double rotated_gain = 0;  ///< the same, of weights on rotated inputs (baby step not 0)
  double input_square = 0;  ///< mean square over all slots of the map's input, unread ones included
  double value_square = 0;  ///< mean square of the rows (after the map, before the next square)
  double slot_bound = 0;    ///< bound of |value| over all slots after the map, unread ones included
  std::size_t terms = 0, giants = 0, fold_factor = 1;
  bool has_babies = false;
};

/// From the map and random inputs scaled so that values keep to `ranges`.
std::vector<MapStatistics> statistics(const nn::QuadraticChain& chain, const Lowered& lowered,
                                      const std::vector<double>& ranges, double input_bound);

}  // namespace blindsight::compiler
