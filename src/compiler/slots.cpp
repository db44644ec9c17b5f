#include "blindsight/compiler/slots.h"

namespace blindsight::compiler {

void add_rotated_product(std::span<double> y, std::span<const double> d, std::span<const double> x, std::size_t k) {
  const std::size_t n = y.size();
  const double* const shifted = x.data() + k;
  for (std::size_t s = 0; s < n - k; ++s) y[s] += d[s] * shifted[s];
  const double* const wrapped = x.data();
  for (std::size_t s = n - k; s < n; ++s) y[s] += d[s] * wrapped[s - (n - k)];
}

void fold(std::vector<double>& y, int k) {
  const std::size_t n = y.size();
  const std::size_t shift = cyclic(k, n);
  const std::vector<double> x = y;
  for (std::size_t s = 0; s < n - shift; ++s) y[s] += x[s + shift];
  for (std::size_t s = n - shift; s < n; ++s) y[s] += x[s + shift - n];
}

std::vector<double> apply(const ckks::LinearTransformPlan& plan, std::span<const std::vector<double>> diagonals,
                          std::span<const double> x) {
  std::vector<double> y(x.size(), 0.0);
  for (const auto& term : plan.terms) {
    add_rotated_product(y, diagonals[term.diagonal], x, cyclic(long{term.baby} + term.giant, x.size()));
  }
  for (const int k : plan.folds) fold(y, k);
  return y;
}

}  // namespace blindsight::compiler
