#include "blindsight/ckks/base_conversion.h"

#include <cmath>
#include <vector>

#include "blindsight/base/parallel.h"
#include "blindsight/ring/aligned.h"
#include "blindsight/ring/kernels.h"

namespace blindsight::ckks {

namespace {

using ring::Modulus;

/// Product of from[j], j != skip, mod q.
std::uint64_t punctured_product(std::span<const Modulus* const> from, std::size_t skip, const Modulus& q) {
  std::uint64_t product = 1;
  for (std::size_t j = 0; j < from.size(); ++j) {
    if (j != skip) product = q.mul(product, q.reduce(from[j]->value()));
  }
  return product;
}

}  // namespace

void convert_base(std::span<const std::uint64_t* const> in, std::span<const Modulus* const> from,
                  std::span<std::uint64_t* const> out, std::span<const Modulus* const> to, std::size_t n) {
  const auto& kernels = ring::kernels();
  if (from.size() == 1) {
    parallel_for(to.size(), [&](std::size_t t) { kernels.switch_modulus(out[t], in[0], n, *from[0], *to[t]); });
    return;
  }
  // y_j = x·(F/f_j)^-1 mod f_j; x = Σ y_j·F/f_j − v·F with v = round(Σ y_j/f_j).
  const std::size_t digits = from.size();
  std::vector<ring::AlignedVector<std::uint64_t>> y(digits, ring::AlignedVector<std::uint64_t>(n));
  parallel_for(digits, [&](std::size_t j) {
    const std::uint64_t factor = from[j]->inverse(punctured_product(from, j, *from[j]));
    kernels.mul_scalar(y[j].data(), in[j], factor, n, *from[j]);
  });
  std::vector<std::uint32_t> v(n);
  for (std::size_t i = 0; i < n; ++i) {
    double sum = 0.5;
    for (std::size_t j = 0; j < digits; ++j)
      sum += static_cast<double>(y[j][i]) / static_cast<double>(from[j]->value());
    v[i] = static_cast<std::uint32_t>(sum);
  }
  parallel_for(to.size(), [&](std::size_t t) {
    const Modulus& q = *to[t];
    std::vector<std::uint64_t> factor(digits), multiple(digits + 1);
    for (std::size_t j = 0; j < digits; ++j) factor[j] = punctured_product(from, j, q);
    const std::uint64_t whole = punctured_product(from, digits, q);
    for (std::size_t k = 0; k <= digits; ++k) multiple[k] = q.neg(q.mul(q.reduce(k), whole));
    for (std::size_t i = 0; i < n; ++i) {
      unsigned __int128 sum = multiple[v[i]];  // < 2^50 + 13·2^100
      for (std::size_t j = 0; j < digits; ++j) sum += static_cast<unsigned __int128>(y[j][i]) * factor[j];
      out[t][i] = static_cast<std::uint64_t>(sum % q.value());
    }
  });
}

}  // namespace blindsight::ckks
