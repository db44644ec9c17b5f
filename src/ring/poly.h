// RNS polynomials whose domain is part of the type: a missing transform does not compile.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "blindsight/ring/aligned.h"
#include "blindsight/ring/ntt_tables.h"

namespace blindsight::ring {

/// An ordered list of primes of one ring degree: what the limbs of a polynomial are reduced by. Immutable, shared.
class Basis {
 public:
  using Tables = std::shared_ptr<const NttTables>;
  /// Throws InvalidArgument where empty or of different degrees.
  explicit Basis(std::vector<Tables> tables);
  std::size_t n() const { return n_; }
  std::size_t size() const { return tables_.size(); }
  const NttTables& tables(std::size_t limb) const { return *tables_[limb]; }
  const Tables& shared_tables(std::size_t limb) const { return tables_[limb]; }
  const Modulus& modulus(std::size_t limb) const { return tables_[limb]->modulus(); }
  /// True where the first `size()` primes of `other` are these.
  bool is_prefix_of(const Basis& other) const;
  bool operator==(const Basis& other) const;

 private:
  std::vector<Tables> tables_;
  std::size_t n_;
};
using BasisPtr = std::shared_ptr<const Basis>;

enum class Domain { kCoeff, kEval };

/// A polynomial over `basis`: basis->size() limbs of basis->n() words each, contiguous, each word in [0, q_limb).
template <Domain D>
class Poly {
 public:
  Poly() = default;
  /// Zero-filled.
  explicit Poly(BasisPtr basis);
  /// For callers that write every word before they read one.
  static Poly uninitialised(BasisPtr basis);
  bool empty() const { return !basis_; }
  const BasisPtr& basis() const { return basis_; }
  std::size_t n() const { return basis_->n(); }
  std::size_t limbs() const { return basis_->size(); }
  std::uint64_t* limb(std::size_t i) { return data_.data() + i * n(); }
  const std::uint64_t* limb(std::size_t i) const { return data_.data() + i * n(); }
  std::span<std::uint64_t> words() { return data_; }
  std::span<const std::uint64_t> words() const { return data_; }
  /// Overwrites every word with zero in a way the compiler keeps.
  void wipe();
  /// Keeps the first `basis->size()` limbs. Throws InvalidArgument unless `basis` is a prefix of the present one.
  void truncate(BasisPtr basis);

 private:
  template <Domain>
  friend class Poly;
  friend Poly<Domain::kEval> to_eval(Poly<Domain::kCoeff> a);
  friend Poly<Domain::kCoeff> to_coeff(Poly<Domain::kEval> a);
  BasisPtr basis_;
  AlignedVector<std::uint64_t> data_;
};
using CoeffPoly = Poly<Domain::kCoeff>;
using EvalPoly = Poly<Domain::kEval>;

/// Transforms, limbs in parallel. The argument's storage is reused when moved in.
EvalPoly to_eval(CoeffPoly a);
CoeffPoly to_coeff(EvalPoly a);

/// a += b, a −= b, a = −a, a *= b (pointwise), acc += a·b. Throw InvalidArgument where the bases differ.
template <Domain D>
void add_inplace(Poly<D>& a, const Poly<D>& b);
template <Domain D>
void sub_inplace(Poly<D>& a, const Poly<D>& b);
template <Domain D>
void negate_inplace(Poly<D>& a);
void mul_inplace(EvalPoly& a, const EvalPoly& b);
void mul_add(EvalPoly& acc, const EvalPoly& a, const EvalPoly& b);

/// For the automorphism X → X^g in the evaluation domain: index with out[i] = a[index[i]]. g odd, in [1, 2n).
std::vector<std::uint32_t> automorphism_index(std::size_t n, std::uint32_t galois_element);
/// X → X^g on every limb, with the index of that g.
EvalPoly automorphism(const EvalPoly& a, std::span<const std::uint32_t> index);
/// X → X^g on coefficients (signs included).
CoeffPoly automorphism(const CoeffPoly& a, std::uint32_t galois_element);

}  // namespace blindsight::ring
