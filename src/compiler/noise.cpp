#include "blindsight/compiler/noise.h"

#include <cmath>

namespace blindsight::compiler {

namespace {

std::vector<double> log2_of(const std::vector<std::uint64_t>& primes) {
  std::vector<double> out;
  for (const std::uint64_t p : primes) out.push_back(std::log2(static_cast<double>(p)));
  return out;
}

}  // namespace

NoiseModel::NoiseModel(unsigned log_n, const std::vector<double>& log_q, const std::vector<double>& log_p,
                       const std::vector<unsigned>& special_limbs)
    : n_(std::exp2(log_n)) {
  // Digits are uniform in [-d/2, d/2], d a product of as many primes as P has; the last digit may be shorter.
  for (std::size_t level = 0; level < log_q.size(); ++level) {
    const std::size_t specials = special_limbs.empty() ? log_p.size() : special_limbs[level];
    double special = 0;
    for (std::size_t i = 0; i < specials; ++i) special += log_p[i];
    double sum = 0;
    for (std::size_t i = 0; i <= level; i += specials) {
      double digit = 0;
      for (std::size_t j = i; j <= level && j < i + specials; ++j) digit += log_q[j];
      sum += n_ / 12 * std::exp2(2 * (digit - special));
    }
    switch_variance_.push_back(sum * ckks::kErrorStdDev * ckks::kErrorStdDev);
  }
}

NoiseModel::NoiseModel(const ckks::ParametersLiteral& literal)
    : NoiseModel(literal.log_n, log2_of(literal.q), log2_of(literal.p), literal.special_limbs) {}

}  // namespace blindsight::compiler
