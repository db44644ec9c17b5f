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

  /// ψ^(n/2), the square root of -1 that every smaller transform from these tables has too.
  std::uint64_t root_of_minus_one() const { return root_of_minus_one_; }
  std::uint64_t n_inverse() const { return n_inverse_; }

  // What the kernels read: twiddle k in [1, n) is ψ^bitrev(k) (of log_n bits), and its companion spares a
  // multiplication by it most of the reduction. One form for each kind of multiplier, built when first asked for. These
  // tables are what a transform of many primes waits for, so they are kept short. Where the kernels make the companions
  // of whole vectors of twiddles themselves, only the first ones are stored, which they splat. The inverse transform
  // reads the same tables: for k in [m, 2m), m a power of two, the inverse of twiddle k is the negative of twiddle
  // 3m-1-k, the one as far from the other end of its level.
  template <typename T>
  struct Form {
    AlignedVector<T> words, companions;
  };
  /// w and floor(w·2^52 / q) (Shoup): the portable kernels.
  const Form<std::uint64_t>& shoup() const;
  /// w·2^52 mod q, and that divided by q modulo 2^52 for k < n/8 (Montgomery): IFMA.
  const Form<std::uint64_t>& montgomery() const;
  /// w in [-q/2, q/2], and w/q for k < n/4: AVX2.
  const Form<double>& real() const;

 private:
  template <typename T>
  struct Lazy {
    std::once_flag once;
    std::unique_ptr<const Form<T>> form;
  };

  std::size_t n_;
  unsigned log_n_;
  Modulus q_;
  std::uint64_t psi_, root_of_minus_one_, n_inverse_;
  mutable Lazy<std::uint64_t> shoup_, montgomery_;
  mutable Lazy<double> real_;
};

}  // namespace blindsight::ring
