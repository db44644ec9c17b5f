// The canonical embedding: vectors of complex numbers to and from ring elements.
#pragma once

#include <complex>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "blindsight/ckks/ciphertext.h"

namespace blindsight::ckks {

/// The rounded integer coefficients of a plaintext, before any modulus.
///
/// Slots that repeat with period n' make an element of a subring: a polynomial in Y = X^(N/2n') of degree below 2n'.
/// Its transform is that of the ring of degree 2n', every word repeated N/2n' times in a row. Periods below 8 count as
/// 8, so that `size()` is at least 16, the smallest transform.
///
/// Real slots make f(1/X) = f, exactly: the coefficient of Y^j is minus that of Y^(size - j). Their transform reads the
/// same from both ends.
class Coefficients {
 public:
  Coefficients() = default;
  std::size_t size() const { return narrow_.size() + words_.size(); }
  std::int64_t operator[](std::size_t j) const;
  /// Largest absolute value, below 2^62.
  double largest() const { return largest_; }
  /// `size()` words.
  void reduce(std::uint64_t* out, const ring::Modulus& q) const;
  /// Reduces and transforms by (a prefix of) the ring's own tables: `size()` words, 64-byte aligned.
  void transform(std::uint64_t* out, const ring::NttTables& tables) const;
  /// f + Y^(size/2)·g of two of one size with real slots: one transform serves both
  /// (ring::Kernels::split_symmetric). Coefficients below 2^61.
  static Coefficients pair(const Coefficients& f, const Coefficients& g);

 private:
  friend class Encoder;
  Coefficients(std::span<const std::int64_t> values, double largest);
  // In narrow_, below 2^31. Or in words_: small values as residues of a modulus of 50 bits, which kernels reduce; large
  // ones in two's complement.
  bool small_ = true;
  double largest_ = 0;
  ring::AlignedVector<std::uint64_t> words_;
  ring::AlignedVector<std::int32_t> narrow_;
};

/// Encodes and decodes; holds the roots of one ring degree (Cheon, Kim, Kim, Song 2017, section 3.2).
/// Slot j is evaluation at ζ^(3^j). A real polynomial at ζ^(4t+1) is Σ_j (c_j + i·c_{j+N/2}) ζ^j ω^(jt), so one complex
/// transform of size N/2 gives every slot up to conjugation. Copies share the tables.
class Encoder {
 public:
  explicit Encoder(ContextPtr context);
  const ContextPtr& context() const { return context_; }

  /// Real values, padded with zeros to N/2 slots, times `scale`, rounded, at `level`.
  /// Throws InvalidArgument where there are too many, one is not finite, or a coefficient reaches 2^62 or half the
  /// modulus.
  Plaintext encode(std::span<const double> values, double scale, unsigned level) const;
  Plaintext encode(std::span<const std::complex<double>> values, double scale, unsigned level) const;
  /// The values again and again. As many as a power of two that divides the number of slots.
  Plaintext encode_periodic(std::span<const double> values, double scale, unsigned level) const;
  /// The same value in every slot.
  Plaintext encode_constant(double value, double scale, unsigned level) const;
  std::vector<double> decode(const Plaintext& plaintext) const;
  std::vector<std::complex<double>> decode_complex(const Plaintext& plaintext) const;

  /// The first step of encode_periodic, the same for every level. Throws InvalidArgument as encode does but for the
  /// modulus, which `require_fits` compares with.
  Coefficients coefficients(std::span<const double> values, double scale) const;
  Coefficients coefficients(std::span<const std::complex<double>> values, double scale) const;
  /// Coefficients::pair of two vectors of real slots, by one transform. Nothing where a coefficient of either reaches
  /// 2^30 or is not finite, or they are not of one size.
  std::optional<Coefficients> pair(std::span<const double> f, double f_scale, std::span<const double> g,
                                   double g_scale) const;
  /// Whether every coefficient is below half of Q_level.
  bool fits(const Coefficients& coefficients, unsigned level) const;
  /// Throws InvalidArgument where one is not, or the context has no such level.
  void require_fits(const Coefficients& coefficients, double scale, unsigned level) const;

 private:
  struct Embedding;
  const Embedding& embedding(std::size_t period) const;
  template <typename Value>
  Coefficients embed(std::span<const Value> values, double scale) const;
  ring::EvalPoly to_ring(const Coefficients& coefficients, double scale, unsigned level) const;

  ContextPtr context_;
  struct Tables;
  std::shared_ptr<const Tables> tables_;
};

}  // namespace blindsight::ckks
