#include "blindsight/nn/affine.h"

#include "blindsight/base/error.h"

namespace blindsight::nn {

std::vector<double> apply(const SparseAffine& map, std::span<const double> x) {
  if (x.size() != map.cols) {
    throw InvalidArgument("layer '" + map.name + "' takes " + std::to_string(map.cols) + " values, not " +
                          std::to_string(x.size()));
  }
  std::vector<double> y = map.bias;
  for (std::size_t r = 0; r < map.rows; ++r) {
    for (std::size_t k = map.row_begin[r]; k < map.row_begin[r + 1]; ++k) y[r] += map.value[k] * x[map.col[k]];
  }
  return y;
}

std::vector<double> evaluate(const QuadraticChain& chain, std::span<const double> input) {
  std::vector<double> y(input.begin(), input.end());
  for (std::size_t i = 0; i < chain.affine.size(); ++i) {
    if (i > 0) {
      for (double& value : y) value *= value;
    }
    y = apply(chain.affine[i], y);
  }
  return y;
}

}  // namespace blindsight::nn
