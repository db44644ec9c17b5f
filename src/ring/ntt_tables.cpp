#include "blindsight/ring/ntt_tables.h"

#include <algorithm>
#include <bit>
#include <string>
#include <utility>

#include "blindsight/base/error.h"
#include "blindsight/ring/simd/constants.h"

namespace blindsight::ring {

namespace {

std::size_t bit_reverse(std::size_t k, unsigned bits) {
  std::size_t r = 0;
  for (unsigned i = 0; i < bits; ++i) r |= ((k >> i) & 1) << (bits - 1 - i);
  return r;
}

using Wide = unsigned __int128;

/// Powers of `base` in bit-reversed order.
AlignedVector<std::uint64_t> powers_of(std::uint64_t base, unsigned log_n, const Modulus& q) {
  const std::size_t n = std::size_t{1} << log_n;
  AlignedVector<std::uint64_t> powers(n);
  std::uint64_t w = 1;
  for (std::size_t i = 0; i < n; ++i, w = q.mul(w, base)) powers[bit_reverse(i, log_n)] = w;
  return powers;
}

/// `f` of the first `count` words.
template <typename T, typename F>
AlignedVector<T> map_first(const auto& words, std::size_t count, F&& f) {
  AlignedVector<T> mapped(count);
  std::transform(words.begin(), words.begin() + static_cast<std::ptrdiff_t>(count), mapped.begin(), f);
  return mapped;
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
  forward_ = powers_of(psi_, log_n_, q);
  inverse_ = powers_of(q.inverse(psi_), log_n_, q);
}

const NttTables::Form<std::uint64_t>& NttTables::shoup() const {
  std::call_once(shoup_.once, [this] {
    const auto quotient = [q = q_.value()](std::uint64_t w) { return static_cast<std::uint64_t>((Wide{w} << 52) / q); };
    shoup_.form = std::make_unique<const Form<std::uint64_t>>(
        Form<std::uint64_t>{forward_, inverse_, map_first<std::uint64_t>(forward_, n_, quotient),
                            map_first<std::uint64_t>(inverse_, n_, quotient)});
  });
  return *shoup_.form;
}

const NttTables::Form<std::uint64_t>& NttTables::montgomery() const {
  std::call_once(montgomery_.once, [this] {
    const auto lift = [q = q_.value()](std::uint64_t w) { return static_cast<std::uint64_t>((Wide{w} << 52) % q); };
    const auto divide = [inverse = simd::inverse_word(q_.value())](std::uint64_t w) {
      return w * inverse & ((std::uint64_t{1} << 52) - 1);
    };
    auto made = std::make_unique<Form<std::uint64_t>>();
    made->forward = map_first<std::uint64_t>(forward_, n_, lift);
    made->inverse = map_first<std::uint64_t>(inverse_, n_, lift);
    made->forward_companion = map_first<std::uint64_t>(made->forward, n_ / 8, divide);
    made->inverse_companion = map_first<std::uint64_t>(made->inverse, n_ / 8, divide);
    montgomery_.form = std::move(made);
  });
  return *montgomery_.form;
}

const NttTables::Form<double>& NttTables::real() const {
  std::call_once(real_.once, [this] {
    const auto centre = [this](std::uint64_t w) { return static_cast<double>(q_.to_signed(w)); };
    const auto divide = [q = static_cast<double>(q_.value())](double w) { return w / q; };
    auto made = std::make_unique<Form<double>>();
    made->forward = map_first<double>(forward_, n_, centre);
    made->inverse = map_first<double>(inverse_, n_, centre);
    made->forward_companion = map_first<double>(made->forward, n_ / 4, divide);
    made->inverse_companion = map_first<double>(made->inverse, n_ / 4, divide);
    real_.form = std::move(made);
  });
  return *real_.form;
}

}  // namespace blindsight::ring
