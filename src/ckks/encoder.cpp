#include "blindsight/ckks/encoder.h"

#include <cmath>
#include <numbers>
#include <string>
#include <utility>

#include "blindsight/base/error.h"
#include "blindsight/base/parallel.h"

namespace blindsight::ckks {

namespace {

using Complex = std::complex<double>;

Complex product(Complex a, Complex b) {
  return {a.real() * b.real() - a.imag() * b.imag(), a.real() * b.imag() + a.imag() * b.real()};
}

void bit_reverse(std::vector<Complex>& values) {
  const std::size_t n = values.size();
  for (std::size_t i = 1, j = 0; i < n; ++i) {
    std::size_t bit = n >> 1;
    for (; j & bit; bit >>= 1) j ^= bit;
    j |= bit;
    if (i < j) std::swap(values[i], values[j]);
  }
}

Complex unit_root(double turn) { return std::polar(1.0, 2 * std::numbers::pi * turn); }

/// One coefficient from its residues, exact to double precision: mixed-radix digits of |x| (Garner).
class Composer {
 public:
  explicit Composer(const ring::Basis& basis) : basis_(basis), digits_(basis.size()), residues_(basis.size()) {
    for (std::size_t i = 0; i < basis.size(); ++i) {
      for (std::size_t j = 0; j < i; ++j) {
        inverse_.push_back(basis.modulus(i).inverse(basis.modulus(i).reduce(basis.modulus(j).value())));
      }
    }
  }

  double compose(const ring::CoeffPoly& poly, std::size_t coefficient) {
    for (std::size_t i = 0; i < residues_.size(); ++i) residues_[i] = poly.limb(i)[coefficient];
    to_digits();
    const bool negative = digits_.back() > basis_.modulus(basis_.size() - 1).value() / 2;
    if (negative) {
      for (std::size_t i = 0; i < residues_.size(); ++i) residues_[i] = basis_.modulus(i).neg(residues_[i]);
      to_digits();
    }
    double value = 0;
    for (std::size_t i = digits_.size(); i-- > 0;) {
      value = value * static_cast<double>(basis_.modulus(i).value()) + static_cast<double>(digits_[i]);
    }
    return negative ? -value : value;
  }

 private:
  void to_digits() {
    std::size_t next = 0;
    for (std::size_t i = 0; i < digits_.size(); ++i) {
      const ring::Modulus& q = basis_.modulus(i);
      std::uint64_t x = residues_[i];
      for (std::size_t j = 0; j < i; ++j) x = q.mul(q.sub(x, q.reduce(digits_[j])), inverse_[next++]);
      digits_[i] = x;
    }
  }

  const ring::Basis& basis_;
  std::vector<std::uint64_t> digits_, residues_, inverse_;
};

}  // namespace

Encoder::Encoder(ContextPtr context) : context_(std::move(context)) {
  const std::size_t n = context_->n();
  const std::size_t slots = context_->slots();
  twist_.resize(slots);
  roots_.resize(slots / 2);
  slot_.resize(slots);
  mirror_.resize(slots);
  for (std::size_t j = 0; j < slots; ++j) twist_[j] = unit_root(static_cast<double>(j) / static_cast<double>(2 * n));
  for (std::size_t j = 0; j < slots / 2; ++j)
    roots_[j] = unit_root(static_cast<double>(j) / static_cast<double>(slots));
  std::uint64_t power = 1;
  for (std::size_t j = 0; j < slots; ++j, power = power * 3 & (2 * n - 1)) {
    mirror_[j] = power % 4 == 3;
    slot_[j] = static_cast<std::uint32_t>(((mirror_[j] ? 2 * n - power : power) - 1) / 4);
  }
}

/// Size N/2, kernel ω^(jt); the inverse's 1/size is the caller's. Decimation in time over bit-reversed input.
void Encoder::transform(std::vector<Complex>& values, bool inverse) const {
  const std::size_t size = values.size();
  bit_reverse(values);
  for (std::size_t half = 1; half < size; half *= 2) {
    const std::size_t stride = size / (2 * half);
    for (std::size_t start = 0; start < size; start += 2 * half) {
      for (std::size_t j = 0; j < half; ++j) {
        const Complex root = roots_[j * stride];
        const Complex odd = product(values[start + half + j], inverse ? std::conj(root) : root);
        values[start + half + j] = values[start + j] - odd;
        values[start + j] += odd;
      }
    }
  }
}

Plaintext Encoder::encode(std::span<const Complex> values, double scale, unsigned level) const {
  if (level > context_->max_level()) throw InvalidArgument("level " + std::to_string(level) + " is above the highest");
  return {to_ring(values, scale, context_->basis(level), level), scale};
}

Plaintext Encoder::encode(std::span<const double> values, double scale, unsigned level) const {
  const std::vector<Complex> complex(values.begin(), values.end());
  return encode(std::span<const Complex>(complex), scale, level);
}

ring::EvalPoly Encoder::encode_extended(std::span<const double> values, double scale, unsigned level) const {
  if (level > context_->max_level()) throw InvalidArgument("level " + std::to_string(level) + " is above the highest");
  const std::vector<Complex> complex(values.begin(), values.end());
  return to_ring(complex, scale, context_->extended_basis(level), level);
}

Plaintext Encoder::encode_constant(double value, double scale, unsigned level) const {
  return encode(std::vector<double>(context_->slots(), value), scale, level);
}

ring::EvalPoly Encoder::to_ring(std::span<const Complex> values, double scale, const ring::BasisPtr& basis,
                                unsigned level) const {
  if (!(scale > 0) || !std::isfinite(scale)) throw InvalidArgument("a scale of " + std::to_string(scale));
  const std::size_t slots = context_->slots();
  if (values.size() > slots) {
    throw InvalidArgument(std::to_string(values.size()) + " values don't fit " + std::to_string(slots) + " slots");
  }
  std::vector<Complex> embedded(slots);
  for (std::size_t j = 0; j < values.size(); ++j) embedded[slot_[j]] = mirror_[j] ? std::conj(values[j]) : values[j];
  transform(embedded, true);
  const double factor = scale / static_cast<double>(slots);
  const double bound = std::min(std::ldexp(1.0, 62), std::exp2(std::min(context_->log_q(level) - 1, 100.0)));
  std::vector<std::int64_t> coefficients(2 * slots);
  for (std::size_t j = 0; j < slots; ++j) {
    const Complex z = product(embedded[j], std::conj(twist_[j])) * factor;
    if (!(std::abs(z.real()) < bound) || !(std::abs(z.imag()) < bound)) {
      throw InvalidArgument("a value times the scale 2^" + std::to_string(std::log2(scale)) +
                            " is not finite or too large for level " + std::to_string(level));
    }
    coefficients[j] = std::llrint(z.real());
    coefficients[j + slots] = std::llrint(z.imag());
  }
  ring::CoeffPoly poly(basis);
  parallel_for(poly.limbs(), [&](std::size_t l) {
    const ring::Modulus& q = basis->modulus(l);
    for (std::size_t i = 0; i < poly.n(); ++i) poly.limb(l)[i] = q.from_signed(coefficients[i]);
  });
  return ring::to_eval(std::move(poly));
}

std::vector<Complex> Encoder::decode_complex(const Plaintext& plaintext) const {
  const std::size_t slots = context_->slots();
  const ring::CoeffPoly poly = ring::to_coeff(plaintext.poly);
  Composer composer(*poly.basis());
  std::vector<Complex> embedded(slots);
  for (std::size_t j = 0; j < slots; ++j) {
    const Complex z(composer.compose(poly, j) / plaintext.scale, composer.compose(poly, j + slots) / plaintext.scale);
    embedded[j] = product(z, twist_[j]);
  }
  transform(embedded, false);
  std::vector<Complex> values(slots);
  for (std::size_t j = 0; j < slots; ++j) values[j] = mirror_[j] ? std::conj(embedded[slot_[j]]) : embedded[slot_[j]];
  return values;
}

std::vector<double> Encoder::decode(const Plaintext& plaintext) const {
  const std::vector<Complex> complex = decode_complex(plaintext);
  std::vector<double> values(complex.size());
  for (std::size_t j = 0; j < values.size(); ++j) values[j] = complex[j].real();
  return values;
}

}  // namespace blindsight::ckks
