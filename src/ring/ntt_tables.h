// Precomputed tables of the negacyclic number-theoretic transform over Z_q[X]/(X^n + 1).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>

#include "blindsight/ring/aligned.h"
#include "blindsight/ring/modulus.h"

namespace blindsight::ring {

/// Twiddles of one prime. Transform order: slot i holds f(ψ^(2·bitrev(i)+1)), ψ the minimal primitive 2n-th root.
/// Built once per (n, q), immutable, shared.
class NttTables {
 public:
  /// n a power of two, 16 .. 2^17; q ≡ 1 (mod 2n). Throws InvalidArgument.
  NttTables(std::size_t n, Modulus q);
  std::size_t n() const { return n_; }
  unsigned log_n() const { return log_n_; }
  const Modulus& modulus() const { return q_; }
  std::uint64_t psi() const { return psi_; }

  // What the kernels read. Index k in [1, n): forward twiddle ψ^bitrev(k) (of log_n bits); inverse twiddle
  // ψ^-bitrev(k).
  const std::uint64_t* forward() const { return forward_.data(); }
  const std::uint64_t* inverse() const { return inverse_.data(); }
  /// floor(w·2^52 / q) (IFMA).
  const std::uint64_t* forward_quotient() const { return forward_quotient_.data(); }
  const std::uint64_t* inverse_quotient() const { return inverse_quotient_.data(); }
  std::uint64_t n_inverse() const { return n_inverse_; }

  /// The same twiddles for double-precision FMA: w in [-q/2, q/2] and w/q.
  struct Doubles {
    AlignedVector<double> forward, inverse, forward_ratio, inverse_ratio;
  };
  /// Built when first asked for: only the AVX2 kernels read it.
  const Doubles& doubles() const;

 private:
  std::size_t n_;
  unsigned log_n_;
  Modulus q_;
  std::uint64_t psi_, n_inverse_;
  AlignedVector<std::uint64_t> forward_, inverse_, forward_quotient_, inverse_quotient_;
  mutable std::once_flag doubles_once_;
  mutable std::unique_ptr<const Doubles> doubles_;
};

}  // namespace blindsight::ring
