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

/// The powers of ψ in bit-reversed order.
AlignedVector<std::uint64_t> twiddles(const NttTables& t) {
  AlignedVector<std::uint64_t> powers(t.n());
  std::uint64_t w = 1;
  for (std::size_t i = 0; i < t.n(); ++i, w = t.modulus().mul(w, t.psi())) powers[bit_reverse(i, t.log_n())] = w;
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

NttTables::NttTables(std::size_t n, Modulus q)
    : n_(n), log_n_(0), q_(q), psi_(0), root_of_minus_one_(0), n_inverse_(0) {
  if (!std::has_single_bit(n) || n < 16 || n > (std::size_t{1} << 17))
    throw InvalidArgument("ring degree " + std::to_string(n) + " must be a power of two from 16 to 131072");
  if ((q.value() - 1) % (2 * n) != 0)
    throw InvalidArgument("modulus " + std::to_string(q.value()) + " is not 1 mod " + std::to_string(2 * n));
  log_n_ = static_cast<unsigned>(std::countr_zero(n));
  psi_ = minimal_primitive_root(q, n);
  n_inverse_ = q.inverse(n);
  root_of_minus_one_ = q.pow(psi_, n / 2);
}

const NttTables::Form<std::uint64_t>& NttTables::shoup() const {
  std::call_once(shoup_.once, [this] {
    const auto quotient = [q = q_.value()](std::uint64_t w) { return static_cast<std::uint64_t>((Wide{w} << 52) / q); };
    auto made = std::make_unique<Form<std::uint64_t>>();
    made->words = twiddles(*this);
    made->companions = map_first<std::uint64_t>(made->words, n_, quotient);
    shoup_.form = std::move(made);
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
    made->words = map_first<std::uint64_t>(twiddles(*this), n_, lift);
    made->companions = map_first<std::uint64_t>(made->words, n_ / 8, divide);
    montgomery_.form = std::move(made);
  });
  return *montgomery_.form;
}

const NttTables::Form<double>& NttTables::real() const {
  std::call_once(real_.once, [this] {
    const auto centre = [this](std::uint64_t w) { return static_cast<double>(q_.to_signed(w)); };
    const auto divide = [q = static_cast<double>(q_.value())](double w) { return w / q; };
    auto made = std::make_unique<Form<double>>();
    made->words = map_first<double>(twiddles(*this), n_, centre);
    made->companions = map_first<double>(made->words, n_ / 4, divide);
    real_.form = std::move(made);
  });
  return *real_.form;
}

}  // namespace blindsight::ring
