// Fast base conversion between RNS bases (Halevi, Polyakov, Shoup 2019, section 2.2), centred.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "blindsight/ring/modulus.h"

namespace blindsight::ckks {

/// From primes f_j, F their product, to other primes. An integer x in [-F/2, F/2] goes in three steps, each of which
/// may work on a part of the words:
///   y_j = x·(F/f_j)^-1 mod f_j,   v = round(Σ_j y_j/f_j),   x = Σ_j y_j·F/f_j − v·F.
///
/// v is computed in double precision, so x comes out exactly unless it lies within F·2^-44 of ±F/2, where it may be off
/// by F: every y_j·(1/f_j) has a relative error below 2^-51, and each of at most 24 additions of numbers below 25 one
/// below 2^-49, in all less than 24·(2^-51 + 2^-49) < 2^-44. ModUp and ModDown, its users, don't mind: the result is
/// then still congruent to x modulo F and no larger than F·(1/2 + 2^-44).
class BaseConverter {
 public:
  using Moduli = std::vector<const ring::Modulus*>;
  /// The moduli must outlive this. Throws InvalidArgument where `from` is empty or has more than 24 primes.
  BaseConverter(Moduli from, Moduli to);
  std::size_t inputs() const { return from_.size(); }
  std::size_t targets() const { return to_.size(); }
  /// Rows that convert reads: y_0 .., then v; only x where there is one prime.
  std::size_t rows() const { return from_.size() == 1 ? 1 : from_.size() + 1; }
  /// x mod f_j to y_j, in place.
  void scale(std::uint64_t* x, std::size_t j, std::size_t n) const;
  /// v from all y_j. Nothing where there is one prime.
  void overflow(std::uint64_t* v, std::span<const std::uint64_t* const> y, std::size_t n) const;
  /// x modulo `count` targets from the first-th on.
  void convert(std::uint64_t* const* out, std::span<const std::uint64_t* const> rows, std::size_t first,
               std::size_t count, std::size_t n) const;

 private:
  Moduli from_, to_;
  std::vector<std::uint64_t> punctured_inverse_;  // (F/f_j)^-1 mod f_j
  std::vector<double> inverse_;                   // 1/f_j
  std::vector<std::uint64_t> weights_;            // by target: F/f_j for all j, −F
};

}  // namespace blindsight::ckks
