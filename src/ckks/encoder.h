// The canonical embedding: vectors of N/2 complex numbers to and from ring elements.
#pragma once

#include <complex>
#include <span>
#include <vector>

#include "blindsight/ckks/ciphertext.h"

namespace blindsight::ckks {

/// Encodes and decodes; holds the roots of one ring degree (Cheon, Kim, Kim, Song 2017, section 3.2).
/// Slot j is evaluation at ζ^(3^j). A real polynomial at ζ^(4t+1) is Σ_j (c_j + i·c_{j+N/2}) ζ^j ω^(jt), so one complex
/// transform of size N/2 gives every slot up to conjugation.
class Encoder {
 public:
  explicit Encoder(ContextPtr context);

  /// Real values, padded with zeros to N/2 slots, times `scale`, rounded, at `level`.
  /// Throws InvalidArgument where there are too many, one is not finite, or a coefficient reaches 2^62 or half the
  /// modulus.
  Plaintext encode(std::span<const double> values, double scale, unsigned level) const;
  Plaintext encode(std::span<const std::complex<double>> values, double scale, unsigned level) const;
  /// Over Q_level·P, for products with extended ciphertexts.
  ring::EvalPoly encode_extended(std::span<const double> values, double scale, unsigned level) const;
  /// The same value in every slot.
  Plaintext encode_constant(double value, double scale, unsigned level) const;
  std::vector<double> decode(const Plaintext& plaintext) const;
  std::vector<std::complex<double>> decode_complex(const Plaintext& plaintext) const;

 private:
  using Complex = std::complex<double>;
  void transform(std::vector<Complex>& values, bool inverse) const;
  ring::EvalPoly to_ring(std::span<const Complex> values, double scale, const ring::BasisPtr& basis,
                         unsigned level) const;

  ContextPtr context_;
  std::vector<Complex> twist_;        // ζ^j, j < N/2
  std::vector<Complex> roots_;        // ω^j, ω = ζ^4, j < N/4
  std::vector<std::uint32_t> slot_;   // slot j is evaluation at ±(4·slot_[j] + 1)
  std::vector<std::uint8_t> mirror_;  // the sign: 1 where slot j is the conjugate of that evaluation
};

}  // namespace blindsight::ckks
