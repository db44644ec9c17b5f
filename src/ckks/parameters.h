// CKKS parameters: a literal, validated against the 128-bit table, becomes an immutable shared context.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "blindsight/base/bytes.h"
#include "blindsight/ring/poly.h"

namespace blindsight::ckks {

inline constexpr unsigned kMinLogN = 12;
inline constexpr unsigned kMaxLogN = 16;
/// Standard deviation of the error distribution, a rounded Gaussian.
inline constexpr double kErrorStdDev = 3.2;

/// Largest log2(QP) for 128-bit classical security with a uniform ternary secret and σ = 3.2
/// (Bossuat et al., "Security Guidelines for Implementing Homomorphic Encryption", ePrint 2024/463, Table 5.2).
/// Throws InvalidArgument unless 12 <= log_n <= 16.
double max_log_qp(unsigned log_n);

/// Most key-switching primes: the lazy sums of base conversion hold this many products.
inline constexpr std::size_t kMaxSpecialLimbs = 24;

/// A ring of half the degree of the one before, with the first of its primes.
struct SmallerRing {
  unsigned level = 0;          ///< highest level there
  unsigned special_limbs = 1;  ///< key-switching primes of every level there
  bool operator==(const SmallerRing&) const = default;
};

/// What a user writes down: the ring degree and the primes themselves.
struct ParametersLiteral {
  unsigned log_n = 0;
  std::vector<std::uint64_t> q;  ///< ciphertext primes; q[0] is the last one left
  std::vector<std::uint64_t> p;  ///< key-switching primes
  /// For every level how many of the key-switching primes, the first so many, a key switch there uses; as many limbs
  /// make one digit. Fewer at low levels: a smaller extended basis. Empty: all of them everywhere.
  std::vector<unsigned> special_limbs;
  /// Rings of half the degree, a quarter and so on that ciphertexts may go on in (Evaluator::switch_ring).
  std::vector<SmallerRing> smaller;

  /// Throws InvalidArgument where there is no such level.
  unsigned special_limbs_at(unsigned level) const;
  /// The next smaller ring, by itself. Throws InvalidArgument where there is none or it has primes that are not here.
  ParametersLiteral half() const;

  /// Largest NTT primes of these widths, all distinct.
  static ParametersLiteral from_bits(unsigned log_n, const std::vector<unsigned>& q_bits,
                                     const std::vector<unsigned>& p_bits);
};

/// SHA-256 of the parameters: what keys, ciphertexts and plans are matched by.
using Fingerprint = std::array<std::uint8_t, 32>;

class Context;
using ContextPtr = std::shared_ptr<const Context>;

/// Validated parameters with every precomputed table. Immutable; shared by everything made with them.
class Context : public std::enable_shared_from_this<Context> {
 public:
  /// Throws SecurityError where log2(QP) exceeds max_log_qp, whatever the levels use of P; InvalidArgument where a
  /// modulus is not a distinct prime of at most 50 bits with q ≡ 1 (mod 2N), Q or P is empty or P has more than
  /// kMaxSpecialLimbs primes, or special_limbs is neither empty nor one number from 1 to |P| for each level. The same
  /// of every smaller ring.
  static ContextPtr create(ParametersLiteral literal);

  const ParametersLiteral& literal() const { return literal_; }
  unsigned log_n() const { return literal_.log_n; }
  std::size_t n() const { return std::size_t{1} << literal_.log_n; }
  std::size_t slots() const { return n() / 2; }
  /// Highest level; a ciphertext of level l has l + 1 limbs.
  unsigned max_level() const { return static_cast<unsigned>(literal_.q.size()) - 1; }
  /// All primes of P.
  std::size_t special_limbs() const { return literal_.p.size(); }
  /// Primes of P that a key switch at that level uses, and limbs of a digit.
  std::size_t special_limbs(unsigned level) const { return literal_.special_limbs_at(level); }
  double log_q() const;
  double log_p() const;
  double log_q(unsigned level) const;
  /// Of the part of P that this level uses.
  double log_p(unsigned level) const;
  /// Digits of a key switch at that level: ceil((level + 1) / special_limbs(level)).
  std::size_t digits(unsigned level) const { return (level + special_limbs(level)) / special_limbs(level); }
  const Fingerprint& fingerprint() const { return fingerprint_; }
  /// Of half the degree; null where the parameters name none.
  const ContextPtr& smaller() const { return smaller_; }
  /// The one that is so many steps smaller; itself for 0. Throws InvalidArgument where the parameters don't go so far.
  ContextPtr in_ring(unsigned steps) const;

  const ring::Modulus& q(std::size_t i) const { return q_basis_.back()->modulus(i); }
  const ring::Modulus& p(std::size_t i) const { return p_basis_->modulus(i); }
  /// q_0 .. q_level.
  const ring::BasisPtr& basis(unsigned level) const { return q_basis_.at(level); }
  /// q_0 .. q_level, p_0 .. p_(special_limbs(level) − 1).
  const ring::BasisPtr& extended_basis(unsigned level) const { return qp_basis_.at(level); }
  /// All of Q, then all of P: where the secret lives.
  const ring::BasisPtr& full_basis() const { return full_basis_; }
  /// All of P.
  const ring::BasisPtr& special_basis() const { return p_basis_; }
  /// The part of P that this level uses, and its inverse, modulo q_i.
  std::uint64_t p_mod_q(unsigned level, std::size_t i) const { return p_mod_q_[special_limbs(level) - 1][i]; }
  std::uint64_t p_inverse_mod_q(unsigned level, std::size_t i) const {
    return p_inverse_mod_q_[special_limbs(level) - 1][i];
  }
  /// Galois element of a rotation by k slots to the left (any sign): 3^k mod 2N (SEAL's generator).
  std::uint32_t rotation_element(int k) const;
  std::uint32_t conjugation_element() const { return static_cast<std::uint32_t>(2 * n() - 1); }
  /// Index of the automorphism X → X^element in the evaluation domain, cached.
  std::span<const std::uint32_t> automorphism_index(std::uint32_t element) const;

  void write(ByteWriter& out) const;
  /// Reads and validates; every bound is checked before anything is built. Throws FormatError or SecurityError.
  static ContextPtr read(ByteReader& in);

 private:
  explicit Context(ParametersLiteral literal);
  struct IndexCache;
  ParametersLiteral literal_;
  Fingerprint fingerprint_{};
  std::vector<ring::BasisPtr> q_basis_, qp_basis_;
  ring::BasisPtr p_basis_, full_basis_;
  std::vector<std::vector<std::uint64_t>> p_mod_q_, p_inverse_mod_q_;  // by primes of P, less one
  std::shared_ptr<IndexCache> indices_;
  ContextPtr smaller_;
};

/// Throws KeyMismatch where the two don't belong together; `what` names the thing that was given.
void require_same_context(const Context& have, const Context& given, const char* what);
/// The same of parameters that nobody has made a context of yet, and need not. Throws as Context::create too.
void require_same_context(const Context& have, const ParametersLiteral& given, const char* what);

}  // namespace blindsight::ckks
