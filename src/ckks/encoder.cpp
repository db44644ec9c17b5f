#include "blindsight/ckks/encoder.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <mutex>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>

#include "blindsight/base/error.h"
#include "blindsight/base/parallel.h"
#include "blindsight/ckks/fft.h"
#include "blindsight/ring/kernels.h"

namespace blindsight::ckks {

namespace {

using Complex = std::complex<double>;
using Doubles = ring::AlignedVector<double>;

constexpr std::size_t kMinPeriod = 8;

/// Small coefficients are below this, and residues of the modulus.
constexpr double kSmall = 0x1p49 - 1;
const ring::Modulus& small_modulus() {
  static const ring::Modulus modulus((std::uint64_t{1} << 50) - 1);
  return modulus;
}

Complex product(Complex a, Complex b) {
  return {a.real() * b.real() - a.imag() * b.imag(), a.real() * b.imag() + a.imag() * b.real()};
}

double real(double x) { return x; }
double imag(double) { return 0; }
double real(Complex x) { return x.real(); }
double imag(Complex x) { return x.imag(); }

void require_periodic(std::size_t period, double scale, std::size_t slots) {
  if (!(scale > 0) || !std::isfinite(scale)) throw InvalidArgument("a scale of " + std::to_string(scale));
  if (!std::has_single_bit(period) || period > slots) {
    throw InvalidArgument("a period of " + std::to_string(period) + " in " + std::to_string(slots) + " slots");
  }
}

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

Coefficients::Coefficients(std::span<const std::int64_t> values, double largest)
    : small_(largest < kSmall), largest_(largest), words_(values.size()) {
  const auto modulus = static_cast<std::int64_t>(small_modulus().value());
  for (std::size_t j = 0; j < values.size(); ++j) {
    words_[j] = static_cast<std::uint64_t>(small_ && values[j] < 0 ? values[j] + modulus : values[j]);
  }
}

std::int64_t Coefficients::operator[](std::size_t j) const {
  if (!narrow_.empty()) return narrow_[j];
  return small_ ? small_modulus().to_signed(words_[j]) : static_cast<std::int64_t>(words_[j]);
}

void Coefficients::reduce(std::uint64_t* out, const ring::Modulus& q) const {
  if (!narrow_.empty()) {
    for (std::size_t j = 0; j < narrow_.size(); ++j) out[j] = q.from_signed(narrow_[j]);
  } else if (small_) {
    ring::kernels().switch_modulus(out, words_.data(), words_.size(), small_modulus(), q);
  } else {
    for (std::size_t j = 0; j < words_.size(); ++j) out[j] = q.from_signed(static_cast<std::int64_t>(words_[j]));
  }
}

void Coefficients::transform(std::uint64_t* out, const ring::NttTables& tables) const {
  if (!narrow_.empty() && largest_ < static_cast<double>(tables.modulus().value())) {
    ring::kernels().ntt_forward_integers(out, narrow_.data(), size(), tables);
    return;
  }
  reduce(out, tables.modulus());
  ring::kernels().ntt_forward(out, size(), tables);
}

Coefficients Coefficients::pair(const Coefficients& f, const Coefficients& g) {
  const std::size_t half = f.size() / 2;
  const double largest = f.largest() + g.largest();
  if (f.size() != g.size() || !(largest < 0x1p62)) {
    throw InvalidArgument("a pair of plaintexts of " + std::to_string(f.size()) + " and " + std::to_string(g.size()) +
                          " coefficients, 2^" + std::to_string(std::log2(largest)));
  }
  if (f.narrow_.empty() && g.narrow_.empty() && f.small_ && g.small_ && largest < kSmall) {
    const ring::Modulus q = small_modulus();
    Coefficients sum;
    sum.largest_ = largest;
    sum.words_.resize(f.size());
    for (std::size_t j = 0; j < half; ++j) {
      sum.words_[j] = q.sub(f.words_[j], g.words_[j + half]);
      sum.words_[j + half] = q.add(f.words_[j + half], g.words_[j]);
    }
    return sum;
  }
  std::vector<std::int64_t> sum(f.size());
  for (std::size_t j = 0; j < half; ++j) {
    sum[j] = f[j] - g[j + half];
    sum[j + half] = f[j + half] + g[j];
  }
  return {sum, largest};
}

/// What the ring of degree 2·period takes.
struct Encoder::Embedding {
  explicit Embedding(std::size_t period)
      : fft(period), twist_real(period), twist_imag(period), slot(period), mirror(period) {
    const std::size_t n = 2 * period;
    for (std::size_t j = 0; j < period; ++j) {
      std::tie(twist_real[j], twist_imag[j]) = unit_root(j, 2 * n);
    }
    std::uint64_t power = 1;
    for (std::size_t j = 0; j < period; ++j, power = power * 3 & (2 * n - 1)) {
      mirror[j] = power % 4 == 3;
      slot[j] = static_cast<std::uint32_t>(((mirror[j] ? 2 * n - power : power) - 1) / 4);
    }
    for (const std::uint32_t t : slot) position.push_back(static_cast<std::uint32_t>(fft.position(t)));
  }
  Fft fft;
  Doubles twist_real, twist_imag;       // ζ^j
  std::vector<std::uint32_t> slot;      // slot j is evaluation at ±(4·slot[j] + 1)
  std::vector<std::uint8_t> mirror;     // the sign: 1 where slot j is the conjugate of that evaluation
  std::vector<std::uint32_t> position;  // where the transform wants that evaluation
};

/// One a period, made when first asked for.
struct Encoder::Tables {
  explicit Tables(std::size_t slots) : entries(static_cast<std::size_t>(std::bit_width(slots))) {}
  struct Entry {
    std::once_flag once;
    std::unique_ptr<const Embedding> embedding;
  };
  mutable std::vector<Entry> entries;  // by log2 of the period
};

Encoder::Encoder(ContextPtr context)
    : context_(std::move(context)), tables_(std::make_shared<Tables>(context_->slots())) {}

const Encoder::Embedding& Encoder::embedding(std::size_t period) const {
  Tables::Entry& entry = tables_->entries[static_cast<std::size_t>(std::countr_zero(period))];
  std::call_once(entry.once, [&] { entry.embedding = std::make_unique<const Embedding>(period); });
  return *entry.embedding;
}

/// Slot j evaluates f + Y^n·g at a root where Y^n is ±i, the sign that conjugates: f + i·g at ζ^(4t+1) whatever j.
std::optional<Coefficients> Encoder::pair(std::span<const double> f, double f_scale, std::span<const double> g,
                                          double g_scale) const {
  for (const auto& [values, scale] : {std::pair(f, f_scale), std::pair(g, g_scale)})
    require_periodic(values.size(), scale, context_->slots());
  const std::size_t period = std::max(f.size(), kMinPeriod);
  if (period != std::max(g.size(), kMinPeriod)) return {};
  const Embedding& tables = embedding(period);
  Doubles storage(4 * period);
  double* const re = storage.data();
  double* const im = re + period;
  const double ratio = g_scale / f_scale;
  for (std::size_t j = 0; j < period; ++j) {
    re[tables.position[j]] = f[j & (f.size() - 1)];
    im[tables.position[j]] = g[j & (g.size() - 1)] * ratio;
  }
  tables.fft.inverse(re, im, re + 2 * period, im + 2 * period);
  Coefficients sum;
  sum.narrow_.resize(2 * period);
  const double largest =
      fft_kernel().round_pair(sum.narrow_.data(), re + 2 * period, im + 2 * period, tables.twist_real.data(),
                              tables.twist_imag.data(), period, f_scale / static_cast<double>(period));
  if (!(largest < FftKernel::kMostPaired)) return {};
  sum.largest_ = 2 * largest;
  return sum;
}

template <typename Value>
Coefficients Encoder::embed(std::span<const Value> values, double scale) const {
  require_periodic(values.size(), scale, context_->slots());
  const std::size_t period = std::max(values.size(), kMinPeriod), mask = values.size() - 1;
  const Embedding& tables = embedding(period);
  Doubles storage(4 * period);
  double* const re = storage.data();
  double* const im = re + period;
  for (std::size_t j = 0; j < period; ++j) {
    const Value value = values[j & mask];
    re[tables.position[j]] = real(value);
    im[tables.position[j]] = tables.mirror[j] ? -imag(value) : imag(value);
  }
  tables.fft.inverse(re, im, re + 2 * period, im + 2 * period);
  ring::AlignedVector<std::int64_t> rounded(2 * period);
  const double largest = fft_kernel().round(rounded.data(), re + 2 * period, im + 2 * period, tables.twist_real.data(),
                                            tables.twist_imag.data(), period, scale / static_cast<double>(period));
  if (!(largest < 0x1p62)) {
    throw InvalidArgument("a value times the scale 2^" + std::to_string(std::log2(scale)) +
                          " is not finite or too large");
  }
  if constexpr (std::is_same_v<Value, double>) {
    for (std::size_t j = 1; j < period; ++j) rounded[2 * period - j] = -rounded[j];
    rounded[period] = 0;
  }
  return {rounded, largest};
}

Coefficients Encoder::coefficients(std::span<const double> values, double scale) const { return embed(values, scale); }

Coefficients Encoder::coefficients(std::span<const Complex> values, double scale) const { return embed(values, scale); }

bool Encoder::fits(const Coefficients& coefficients, unsigned level) const {
  return coefficients.largest() < std::exp2(std::min(context_->log_q(level) - 1, 100.0));
}

void Encoder::require_fits(const Coefficients& coefficients, double scale, unsigned level) const {
  if (level > context_->max_level()) throw InvalidArgument("level " + std::to_string(level) + " is above the highest");
  if (fits(coefficients, level)) return;
  throw InvalidArgument("a value times the scale 2^" + std::to_string(std::log2(scale)) + " is too large for level " +
                        std::to_string(level));
}

namespace {

template <typename Value>
std::vector<Value> padded(std::span<const Value> values, std::size_t slots) {
  if (values.size() > slots) {
    throw InvalidArgument(std::to_string(values.size()) + " values don't fit " + std::to_string(slots) + " slots");
  }
  std::vector<Value> all(values.begin(), values.end());
  all.resize(slots);
  return all;
}

void require_level(const Context& context, unsigned level) {
  if (level > context.max_level()) throw InvalidArgument("level " + std::to_string(level) + " is above the highest");
}

}  // namespace

Plaintext Encoder::encode(std::span<const Complex> values, double scale, unsigned level) const {
  require_level(*context_, level);
  const auto all = padded(values, context_->slots());
  return {to_ring(embed(std::span<const Complex>(all), scale), scale, level), scale};
}

Plaintext Encoder::encode(std::span<const double> values, double scale, unsigned level) const {
  return encode_periodic(padded(values, context_->slots()), scale, level);
}

Plaintext Encoder::encode_periodic(std::span<const double> values, double scale, unsigned level) const {
  require_level(*context_, level);
  return {to_ring(embed(values, scale), scale, level), scale};
}

Plaintext Encoder::encode_constant(double value, double scale, unsigned level) const {
  return encode_periodic({&value, 1}, scale, level);
}

ring::EvalPoly Encoder::to_ring(const Coefficients& coefficients, double scale, unsigned level) const {
  require_fits(coefficients, scale, level);
  const ring::BasisPtr& basis = context_->basis(level);
  auto poly = ring::EvalPoly::uninitialised(basis);
  const std::size_t run = poly.n() / coefficients.size();
  parallel_for(poly.limbs(), [&](std::size_t l) {
    // At the end of the limb, so that repeating its words from the front never overtakes them.
    std::uint64_t* const out = poly.limb(l);
    std::uint64_t* const words = out + poly.n() - coefficients.size();
    coefficients.transform(words, basis->tables(l));
    if (run == 1) return;
    for (std::size_t i = 0; i < coefficients.size(); ++i) {
      const std::uint64_t word = words[i];
      std::fill_n(out + i * run, run, word);
    }
  });
  return poly;
}

std::vector<Complex> Encoder::decode_complex(const Plaintext& plaintext) const {
  const std::size_t slots = context_->slots();
  const Embedding& tables = embedding(slots);
  const ring::CoeffPoly poly = ring::to_coeff(plaintext.poly);
  Composer composer(*poly.basis());
  Doubles storage(4 * slots);
  double* const re = storage.data();
  double* const im = re + slots;
  for (std::size_t j = 0; j < slots; ++j) {
    const Complex c(composer.compose(poly, j) / plaintext.scale, composer.compose(poly, j + slots) / plaintext.scale);
    const Complex z = product(c, {tables.twist_real[j], tables.twist_imag[j]});
    const std::size_t position = tables.fft.position(j);
    re[position] = z.real();
    im[position] = z.imag();
  }
  tables.fft.forward(re, im, re + 2 * slots, im + 2 * slots);
  std::vector<Complex> values(slots);
  for (std::size_t j = 0; j < slots; ++j) {
    const Complex z(re[2 * slots + tables.slot[j]], im[2 * slots + tables.slot[j]]);
    values[j] = tables.mirror[j] ? std::conj(z) : z;
  }
  return values;
}

std::vector<double> Encoder::decode(const Plaintext& plaintext) const {
  const std::vector<Complex> complex = decode_complex(plaintext);
  std::vector<double> values(complex.size());
  for (std::size_t j = 0; j < values.size(); ++j) values[j] = complex[j].real();
  return values;
}

}  // namespace blindsight::ckks
