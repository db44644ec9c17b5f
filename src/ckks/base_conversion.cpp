#include "blindsight/ckks/base_conversion.h"

#include <string>
#include <utility>

#include "blindsight/base/error.h"
#include "blindsight/ring/kernels.h"

namespace blindsight::ckks {

namespace {

using ring::kernels;
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

BaseConverter::BaseConverter(Moduli from, Moduli to) : from_(std::move(from)), to_(std::move(to)) {
  if (from_.empty() || from_.size() >= ring::kMaxCombineTerms) {
    throw InvalidArgument("base conversion from " + std::to_string(from_.size()) + " primes");
  }
  if (from_.size() == 1) return;
  for (std::size_t j = 0; j < from_.size(); ++j) {
    punctured_inverse_.push_back(from_[j]->inverse(punctured_product(from_, j, *from_[j])));
    inverse_.push_back(1 / static_cast<double>(from_[j]->value()));
  }
  weights_.reserve(to_.size() * rows());
  for (const Modulus* q : to_) {
    for (std::size_t j = 0; j < from_.size(); ++j) weights_.push_back(punctured_product(from_, j, *q));
    weights_.push_back(q->neg(punctured_product(from_, from_.size(), *q)));
  }
}

void BaseConverter::scale(std::uint64_t* x, std::size_t j, std::size_t n) const {
  if (from_.size() > 1) kernels().mul_scalar(x, x, punctured_inverse_[j], n, *from_[j]);
}

void BaseConverter::overflow(std::uint64_t* v, std::span<const std::uint64_t* const> y, std::size_t n) const {
  if (from_.size() > 1) kernels().round_sum(v, y.data(), inverse_.data(), from_.size(), n);
}

void BaseConverter::convert(std::uint64_t* const* out, std::span<const std::uint64_t* const> rows, std::size_t first,
                            std::size_t count, std::size_t n) const {
  if (from_.size() > 1) {
    kernels().combine(out, rows.data(), weights_.data() + first * this->rows(), count, this->rows(), n,
                      to_.data() + first);
    return;
  }
  for (std::size_t t = 0; t < count; ++t) {
    kernels().switch_modulus(out[t], rows[0], n, *from_[0], *to_[first + t]);
  }
}

}  // namespace blindsight::ckks
