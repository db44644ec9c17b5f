#include "blindsight/ring/ntt_tables.h"

#include <bit>
#include <string>

#include "blindsight/base/error.h"

namespace blindsight::ring {

namespace {

std::size_t bit_reverse(std::size_t k, unsigned bits) {
  std::size_t r = 0;
  for (unsigned i = 0; i < bits; ++i) r |= ((k >> i) & 1) << (bits - 1 - i);
  return r;
}

void fill(AlignedVector<std::uint64_t>& powers, AlignedVector<std::uint64_t>& quotients, std::uint64_t base,
          unsigned log_n, const Modulus& q) {
  const std::size_t n = std::size_t{1} << log_n;
  powers.resize(n);
  quotients.resize(n);
  std::uint64_t w = 1;
  for (std::size_t i = 0; i < n; ++i, w = q.mul(w, base)) {
    const std::size_t k = bit_reverse(i, log_n);
    powers[k] = w;
    quotients[k] = static_cast<std::uint64_t>((static_cast<unsigned __int128>(w) << 52) / q.value());
  }
}

void fill(AlignedVector<double>& powers, AlignedVector<double>& ratios, const AlignedVector<std::uint64_t>& words,
          const Modulus& q) {
  powers.resize(words.size());
  ratios.resize(words.size());
  for (std::size_t k = 0; k < words.size(); ++k) {
    powers[k] = static_cast<double>(q.to_signed(words[k]));
    ratios[k] = powers[k] / static_cast<double>(q.value());
  }
}

}  // namespace

NttTables::NttTables(std::size_t n, Modulus q) : n_(n), log_n_(0), q_(q), psi_(0), n_inverse_(0) {
  if (!std::has_single_bit(n) || n < 16 || n > (std::size_t{1} << 17))
    throw InvalidArgument("ring degree " + std::to_string(n) + " must be a power of two from 16 to 131072");
  if ((q.value() - 1) % (2 * n) != 0)
    throw InvalidArgument("modulus " + std::to_string(q.value()) + " is not 1 mod " + std::to_string(2 * n));
  log_n_ = static_cast<unsigned>(std::countr_zero(n));
  psi_ = minimal_primitive_root(q, n);
  n_inverse_ = q.inverse(n);
  fill(forward_, forward_quotient_, psi_, log_n_, q);
  fill(inverse_, inverse_quotient_, q.inverse(psi_), log_n_, q);
}

const NttTables::Doubles& NttTables::doubles() const {
  std::call_once(doubles_once_, [this] {
    auto made = std::make_unique<Doubles>();
    fill(made->forward, made->forward_ratio, forward_, q_);
    fill(made->inverse, made->inverse_ratio, inverse_, q_);
    doubles_ = std::move(made);
  });
  return *doubles_;
}

}  // namespace blindsight::ring
