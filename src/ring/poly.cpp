#include "blindsight/ring/poly.h"

#include <openssl/crypto.h>

#include <bit>
#include <string>
#include <utility>

#include "blindsight/base/error.h"
#include "blindsight/base/parallel.h"
#include "blindsight/ring/kernels.h"

namespace blindsight::ring {

Basis::Basis(std::vector<Tables> tables) : tables_(std::move(tables)), n_(0) {
  if (tables_.empty()) throw InvalidArgument("a basis needs at least one prime");
  for (const Tables& t : tables_)
    if (!t) throw InvalidArgument("a basis can't hold a null table");
  n_ = tables_[0]->n();
  for (const Tables& t : tables_)
    if (t->n() != n_)
      throw InvalidArgument("the primes of a basis share one ring degree, not " + std::to_string(n_) + " and " +
                            std::to_string(t->n()));
}

bool Basis::is_prefix_of(const Basis& other) const {
  if (n_ != other.n_ || size() > other.size()) return false;
  for (std::size_t i = 0; i < size(); ++i)
    if (tables_[i] != other.tables_[i] && !(modulus(i) == other.modulus(i))) return false;
  return true;
}

bool Basis::operator==(const Basis& other) const { return size() == other.size() && is_prefix_of(other); }

namespace {

template <Domain D>
void require_same_basis(const Poly<D>& a, const Poly<D>& b) {
  if (a.empty() || b.empty()) throw InvalidArgument("arithmetic on an empty polynomial");
  if (a.basis() != b.basis() && !(*a.basis() == *b.basis()))
    throw InvalidArgument("polynomials over different bases: " + std::to_string(a.limbs()) + " limbs of degree " +
                          std::to_string(a.n()) + " and " + std::to_string(b.limbs()) + " limbs of degree " +
                          std::to_string(b.n()));
}

void require_galois_element(std::size_t n, std::uint32_t g) {
  if (g % 2 == 0 || g >= 2 * n)
    throw InvalidArgument("Galois element " + std::to_string(g) + " must be odd and below " + std::to_string(2 * n));
}

}  // namespace

template <Domain D>
Poly<D>::Poly(BasisPtr basis) : basis_(std::move(basis)) {
  if (!basis_) throw InvalidArgument("a polynomial needs a basis");
  data_.resize(basis_->size() * basis_->n(), 0);
}

template <Domain D>
Poly<D> Poly<D>::uninitialised(BasisPtr basis) {
  if (!basis) throw InvalidArgument("a polynomial needs a basis");
  Poly poly;
  poly.basis_ = std::move(basis);
  poly.data_.resize(poly.basis_->size() * poly.basis_->n());
  return poly;
}

template <Domain D>
void Poly<D>::wipe() {
  if (!data_.empty()) OPENSSL_cleanse(data_.data(), data_.size() * sizeof(std::uint64_t));
}

template <Domain D>
void Poly<D>::truncate(BasisPtr basis) {
  if (empty() || !basis || !basis->is_prefix_of(*basis_))
    throw InvalidArgument("a polynomial can only be truncated to the first primes of its basis");
  basis_ = std::move(basis);
  data_.resize(basis_->size() * basis_->n());
}

template class Poly<Domain::kCoeff>;
template class Poly<Domain::kEval>;

EvalPoly to_eval(CoeffPoly a) {
  if (a.empty()) throw InvalidArgument("transform of an empty polynomial");
  EvalPoly out;
  out.basis_ = std::move(a.basis_);
  out.data_ = std::move(a.data_);
  parallel_for(out.limbs(), [&](std::size_t i) { kernels().ntt_forward(out.limb(i), out.n(), out.basis_->tables(i)); });
  return out;
}

CoeffPoly to_coeff(EvalPoly a) {
  if (a.empty()) throw InvalidArgument("transform of an empty polynomial");
  CoeffPoly out;
  out.basis_ = std::move(a.basis_);
  out.data_ = std::move(a.data_);
  parallel_for(out.limbs(), [&](std::size_t i) { kernels().ntt_inverse(out.limb(i), out.n(), out.basis_->tables(i)); });
  return out;
}

template <Domain D>
void add_inplace(Poly<D>& a, const Poly<D>& b) {
  require_same_basis(a, b);
  parallel_for(a.limbs(),
               [&](std::size_t i) { kernels().add(a.limb(i), a.limb(i), b.limb(i), a.n(), a.basis()->modulus(i)); });
}

template <Domain D>
void sub_inplace(Poly<D>& a, const Poly<D>& b) {
  require_same_basis(a, b);
  parallel_for(a.limbs(),
               [&](std::size_t i) { kernels().sub(a.limb(i), a.limb(i), b.limb(i), a.n(), a.basis()->modulus(i)); });
}

template <Domain D>
void negate_inplace(Poly<D>& a) {
  require_same_basis(a, a);
  parallel_for(a.limbs(), [&](std::size_t i) { kernels().neg(a.limb(i), a.limb(i), a.n(), a.basis()->modulus(i)); });
}

template void add_inplace(CoeffPoly&, const CoeffPoly&);
template void add_inplace(EvalPoly&, const EvalPoly&);
template void sub_inplace(CoeffPoly&, const CoeffPoly&);
template void sub_inplace(EvalPoly&, const EvalPoly&);
template void negate_inplace(CoeffPoly&);
template void negate_inplace(EvalPoly&);

void mul_inplace(EvalPoly& a, const EvalPoly& b) {
  require_same_basis(a, b);
  parallel_for(a.limbs(),
               [&](std::size_t i) { kernels().mul(a.limb(i), a.limb(i), b.limb(i), a.n(), a.basis()->modulus(i)); });
}

void mul_add(EvalPoly& acc, const EvalPoly& a, const EvalPoly& b) {
  require_same_basis(acc, a);
  require_same_basis(acc, b);
  parallel_for(acc.limbs(), [&](std::size_t i) {
    kernels().mul_add(acc.limb(i), a.limb(i), b.limb(i), acc.n(), acc.basis()->modulus(i));
  });
}

std::vector<std::uint32_t> automorphism_index(std::size_t n, std::uint32_t galois_element) {
  if (!std::has_single_bit(n) || n < 2) throw InvalidArgument("ring degree " + std::to_string(n));
  require_galois_element(n, galois_element);
  const auto log_n = static_cast<unsigned>(std::countr_zero(n));
  const auto reverse = [log_n](std::size_t k) {
    std::size_t r = 0;
    for (unsigned b = 0; b < log_n; ++b) r |= ((k >> b) & 1) << (log_n - 1 - b);
    return r;
  };
  // Slot i holds f(ψ^e), e = 2·bitrev(i) + 1; f(X^g) at ψ^e is f at ψ^(e·g).
  std::vector<std::uint32_t> index(n);
  for (std::size_t i = 0; i < n; ++i) {
    const std::size_t e = (2 * reverse(i) + 1) * galois_element % (2 * n);
    index[i] = static_cast<std::uint32_t>(reverse((e - 1) / 2));
  }
  return index;
}

EvalPoly automorphism(const EvalPoly& a, std::span<const std::uint32_t> index) {
  if (a.empty() || index.size() != a.n()) throw InvalidArgument("automorphism index of another ring degree");
  EvalPoly out = EvalPoly::uninitialised(a.basis());
  parallel_for(a.limbs(),
               [&](std::size_t i) { kernels().permute(out.limb(i), kPackedRun, a.limb(i), 0, index.data(), a.n()); });
  return out;
}

CoeffPoly automorphism(const CoeffPoly& a, std::uint32_t galois_element) {
  if (a.empty()) throw InvalidArgument("automorphism of an empty polynomial");
  require_galois_element(a.n(), galois_element);
  CoeffPoly out = CoeffPoly::uninitialised(a.basis());
  const std::size_t n = a.n();
  parallel_for(a.limbs(), [&](std::size_t l) {
    const Modulus& q = a.basis()->modulus(l);
    const std::uint64_t* from = a.limb(l);
    std::uint64_t* to = out.limb(l);
    std::size_t e = 0;  // i·g mod 2n
    for (std::size_t i = 0; i < n; ++i, e = (e + galois_element) & (2 * n - 1))
      to[e & (n - 1)] = e < n ? from[i] : q.neg(from[i]);
  });
  return out;
}

}  // namespace blindsight::ring
