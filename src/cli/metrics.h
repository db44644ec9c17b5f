// What an evaluation measures.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace blindsight::cli {

struct Quantiles {
  double median = 0;
  double p95 = 0;
};
/// Median (mean of the middle two) and 95th percentile (nearest rank). Zeros for no values.
Quantiles quantiles(std::vector<double> values);

/// confusion[truth][prediction].
using Confusion = std::vector<std::vector<std::size_t>>;
/// Throws InvalidArgument where a class is not below `classes` or the lengths differ.
Confusion confusion_matrix(std::span<const std::size_t> truth, std::span<const std::size_t> predicted,
                           std::size_t classes);
/// Share of the images on the diagonal, 0 to 1.
double accuracy(const Confusion& confusion);
/// Mean over the classes that occur (as truth or prediction) of 2·TP / (2·TP + FP + FN).
double macro_f1(const Confusion& confusion);

/// Index of the largest value, the first of equals.
std::size_t argmax(std::span<const double> values);

}  // namespace blindsight::cli
