#include "blindsight/ckks/evaluator.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "blindsight/base/error.h"
#include "blindsight/base/parallel.h"
#include "blindsight/ckks/base_conversion.h"
#include "blindsight/ring/kernels.h"

namespace blindsight::ckks {

namespace {

using ring::CoeffPoly;
using ring::EvalPoly;
using ring::kernels;
using ring::Modulus;

/// Scales that differ by less than this, relatively, count as one: primes are within 2^-10 or so of a power of two, and
/// programs state every scale exactly.
constexpr double kScaleTolerance = 1e-9;

void require_same_scale(double a, double b) {
  if (std::abs(a - b) > kScaleTolerance * std::max(a, b)) {
    throw InvalidArgument("scales 2^" + std::to_string(std::log2(a)) + " and 2^" + std::to_string(std::log2(b)) +
                          " don't match: rescale or encode at the other's scale");
  }
}

void require_same_level(unsigned a, unsigned b) {
  if (a != b) {
    throw InvalidArgument("levels " + std::to_string(a) + " and " + std::to_string(b) +
                          " don't match: drop the higher one first");
  }
}

void require_parts(const Ciphertext& a, std::size_t parts) {
  if (a.parts.size() != parts) {
    throw InvalidArgument("a ciphertext of " + std::to_string(a.parts.size()) + " parts where " +
                          std::to_string(parts) + " are expected" + (parts == 2 ? ": relinearise first" : ""));
  }
}

const KeySwitchKey& require_level(const KeySwitchKey& key, unsigned level) {
  if (key.level < level) {
    throw KeyMismatch("a key of level " + std::to_string(key.level) + " used at level " + std::to_string(level));
  }
  return key;
}

}  // namespace

Evaluator::Evaluator(ContextPtr context) : context_(std::move(context)) {}

Ciphertext Evaluator::add(const Ciphertext& a, const Ciphertext& b) const {
  Ciphertext result = a;
  add_inplace(result, b);
  return result;
}

Ciphertext Evaluator::sub(const Ciphertext& a, const Ciphertext& b) const {
  Ciphertext result = a;
  sub_inplace(result, b);
  return result;
}

void Evaluator::add_inplace(Ciphertext& a, const Ciphertext& b) const {
  require_same_level(a.level(), b.level());
  require_same_scale(a.scale, b.scale);
  for (std::size_t i = 0; i < b.parts.size(); ++i) {
    if (i < a.parts.size()) {
      ring::add_inplace(a.parts[i], b.parts[i]);
    } else {
      a.parts.push_back(b.parts[i]);
    }
  }
}

void Evaluator::sub_inplace(Ciphertext& a, const Ciphertext& b) const {
  require_same_level(a.level(), b.level());
  require_same_scale(a.scale, b.scale);
  while (a.parts.size() < b.parts.size()) a.parts.emplace_back(a.parts[0].basis());
  for (std::size_t i = 0; i < b.parts.size(); ++i) ring::sub_inplace(a.parts[i], b.parts[i]);
}

void Evaluator::negate_inplace(Ciphertext& a) const {
  for (EvalPoly& part : a.parts) ring::negate_inplace(part);
}

void Evaluator::add_plain_inplace(Ciphertext& a, const Plaintext& b) const {
  require_same_level(a.level(), b.level());
  require_same_scale(a.scale, b.scale);
  ring::add_inplace(a.parts[0], b.poly);
}

void Evaluator::mul_plain_inplace(Ciphertext& a, const Plaintext& b) const {
  require_same_level(a.level(), b.level());
  for (EvalPoly& part : a.parts) ring::mul_inplace(part, b.poly);
  a.scale *= b.scale;
}

Ciphertext Evaluator::multiply(const Ciphertext& a, const Ciphertext& b) const {
  require_parts(a, 2);
  require_parts(b, 2);
  require_same_level(a.level(), b.level());
  Ciphertext result;
  result.scale = a.scale * b.scale;
  for (int i = 0; i < 3; ++i) result.parts.push_back(EvalPoly::uninitialised(a.parts[0].basis()));
  parallel_for(a.parts[0].limbs(), [&](std::size_t l) {
    const Modulus& q = context_->q(l);
    const std::size_t n = context_->n();
    const std::uint64_t* const a0 = a.parts[0].limb(l);
    const std::uint64_t* const a1 = a.parts[1].limb(l);
    const std::uint64_t* const b0 = b.parts[0].limb(l);
    const std::uint64_t* const b1 = b.parts[1].limb(l);
    kernels().mul(result.parts[0].limb(l), a0, b0, n, q);
    kernels().mul(result.parts[1].limb(l), a0, b1, n, q);
    kernels().mul_add(result.parts[1].limb(l), a1, b0, n, q);
    kernels().mul(result.parts[2].limb(l), a1, b1, n, q);
  });
  return result;
}

Ciphertext Evaluator::square(const Ciphertext& a) const {
  require_parts(a, 2);
  Ciphertext result;
  result.scale = a.scale * a.scale;
  for (int i = 0; i < 3; ++i) result.parts.push_back(EvalPoly::uninitialised(a.parts[0].basis()));
  parallel_for(a.parts[0].limbs(), [&](std::size_t l) {
    const Modulus& q = context_->q(l);
    const std::size_t n = context_->n();
    const std::uint64_t* const a0 = a.parts[0].limb(l);
    const std::uint64_t* const a1 = a.parts[1].limb(l);
    kernels().mul(result.parts[0].limb(l), a0, a0, n, q);
    kernels().mul(result.parts[1].limb(l), a0, a1, n, q);
    kernels().add(result.parts[1].limb(l), result.parts[1].limb(l), result.parts[1].limb(l), n, q);
    kernels().mul(result.parts[2].limb(l), a1, a1, n, q);
  });
  return result;
}

/// Digits of a part, each extended to Q_level·P: the digit's own limbs as they are, the others by base conversion
/// (ModUp).
std::vector<EvalPoly> Evaluator::decompose(const EvalPoly& part) const {
  const auto level = static_cast<unsigned>(part.limbs()) - 1;
  const ring::BasisPtr& extended = context_->extended_basis(level);
  const std::size_t alpha = context_->special_limbs(level);
  const std::size_t n = context_->n();
  const CoeffPoly coefficients = ring::to_coeff(part);
  std::vector<EvalPoly> digits(context_->digits(level));
  parallel_for(digits.size(), [&](std::size_t d) {
    const std::size_t first = d * alpha;
    const std::size_t last = std::min<std::size_t>(first + alpha, level + 1);
    EvalPoly digit = EvalPoly::uninitialised(extended);
    std::vector<const std::uint64_t*> in;
    std::vector<const Modulus*> from, to;
    std::vector<std::uint64_t*> out;
    std::vector<std::size_t> converted;
    for (std::size_t l = 0; l < extended->size(); ++l) {
      if (l >= first && l < last) {
        in.push_back(coefficients.limb(l));
        from.push_back(&extended->modulus(l));
        std::copy_n(part.limb(l), n, digit.limb(l));
      } else {
        out.push_back(digit.limb(l));
        to.push_back(&extended->modulus(l));
        converted.push_back(l);
      }
    }
    convert_base(in, from, out, to, n);
    parallel_for(converted.size(),
                 [&](std::size_t i) { kernels().ntt_forward(out[i], n, extended->tables(converted[i])); });
    digits[d] = std::move(digit);
  });
  return digits;
}

Evaluator::Pair Evaluator::inner_product(std::span<const EvalPoly> digits, const KeySwitchKey& key,
                                         unsigned level) const {
  const ring::BasisPtr& extended = context_->extended_basis(level);
  Pair result{EvalPoly::uninitialised(extended), EvalPoly::uninitialised(extended)};
  parallel_for(extended->size(), [&](std::size_t l) {
    const std::size_t key_limb = l <= level ? l : l + (key.level - level);
    std::vector<const std::uint64_t*> x(digits.size()), b(digits.size()), a(digits.size());
    for (std::size_t d = 0; d < digits.size(); ++d) {
      x[d] = digits[d].limb(l);
      b[d] = key.b[d].limb(key_limb);
      a[d] = key.a[d].limb(key_limb);
    }
    kernels().dot(result.first.limb(l), x.data(), b.data(), x.size(), context_->n(), extended->modulus(l));
    kernels().dot(result.second.limb(l), x.data(), a.data(), x.size(), context_->n(), extended->modulus(l));
  });
  return result;
}

/// Divides by P and rounds: Q_level·P to Q_level.
EvalPoly Evaluator::mod_down(EvalPoly extended, unsigned level) const {
  const std::size_t n = context_->n();
  const std::size_t specials = context_->special_limbs(level);
  std::vector<const std::uint64_t*> in(specials);
  std::vector<const Modulus*> from(specials), to(level + 1);
  for (std::size_t i = 0; i < specials; ++i) {
    std::uint64_t* limb = extended.limb(level + 1 + i);
    kernels().ntt_inverse(limb, n, context_->special_basis()->tables(i));
    in[i] = limb;
    from[i] = &context_->p(i);
  }
  EvalPoly correction = EvalPoly::uninitialised(context_->basis(level));
  std::vector<std::uint64_t*> out(level + 1);
  for (std::size_t l = 0; l <= level; ++l) {
    out[l] = correction.limb(l);
    to[l] = &context_->q(l);
  }
  convert_base(in, from, out, to, n);
  parallel_for(level + 1, [&](std::size_t l) {
    const Modulus& q = context_->q(l);
    kernels().ntt_forward(out[l], n, context_->basis(level)->tables(l));
    kernels().sub_mul_scalar(out[l], extended.limb(l), out[l], context_->p_inverse_mod_q(level, l), n, q);
  });
  return correction;
}

void Evaluator::relinearise_inplace(Ciphertext& a, const EvaluationKeys& keys) const {
  require_parts(a, 3);
  const unsigned level = a.level();
  const KeySwitchKey& key = relinearisation_key(keys, level);
  Pair switched = inner_product(decompose(a.parts[2]), key, level);
  ring::add_inplace(a.parts[0], mod_down(std::move(switched.first), level));
  ring::add_inplace(a.parts[1], mod_down(std::move(switched.second), level));
  a.parts.pop_back();
}

void Evaluator::rescale_inplace(Ciphertext& a) const {
  const unsigned level = a.level();
  if (level == 0) throw InvalidArgument("a ciphertext of level 0 can't be rescaled: no prime is left to divide by");
  const Modulus& dropped = context_->q(level);
  const std::size_t n = context_->n();
  for (EvalPoly& part : a.parts) {
    kernels().ntt_inverse(part.limb(level), n, context_->basis(level)->tables(level));
    parallel_for(level, [&](std::size_t l) {
      const Modulus& q = context_->q(l);
      ring::AlignedVector<std::uint64_t> remainder(n);
      kernels().switch_modulus(remainder.data(), part.limb(level), n, dropped, q);
      kernels().ntt_forward(remainder.data(), n, context_->basis(level)->tables(l));
      kernels().sub_mul_scalar(part.limb(l), part.limb(l), remainder.data(), q.inverse(q.reduce(dropped.value())), n,
                               q);
    });
    part.truncate(context_->basis(level - 1));
  }
  a.scale /= static_cast<double>(dropped.value());
}

void Evaluator::drop_to_level_inplace(Ciphertext& a, unsigned level) const {
  if (level > a.level()) {
    throw InvalidArgument("a ciphertext of level " + std::to_string(a.level()) + " can't be raised to level " +
                          std::to_string(level));
  }
  for (EvalPoly& part : a.parts) part.truncate(context_->basis(level));
}

const KeySwitchKey& Evaluator::relinearisation_key(const EvaluationKeys& keys, unsigned level) const {
  require_same_context(*context_, *keys.context, "the evaluation keys");
  const auto special_limbs = static_cast<unsigned>(context_->special_limbs(level));
  const auto key = keys.relinearisation.find(special_limbs);
  if (key == keys.relinearisation.end()) {
    throw KeyMismatch("the evaluation keys hold no relinearisation key for " + std::to_string(special_limbs) +
                      " special limbs");
  }
  return require_level(key->second, level);
}

const KeySwitchKey& Evaluator::galois_key(const EvaluationKeys& keys, std::uint32_t element, unsigned level) const {
  require_same_context(*context_, *keys.context, "the evaluation keys");
  const auto special_limbs = static_cast<unsigned>(context_->special_limbs(level));
  const auto key = keys.galois.find({element, special_limbs});
  if (key == keys.galois.end()) {
    throw KeyMismatch("the evaluation keys hold no Galois key of element " + std::to_string(element) + " for " +
                      std::to_string(special_limbs) + " special limbs");
  }
  return require_level(key->second, level);
}

Ciphertext Evaluator::apply_galois(const Ciphertext& a, std::span<const EvalPoly> digits, std::uint32_t element,
                                   const EvaluationKeys& keys) const {
  const unsigned level = a.level();
  Pair switched = inner_product(digits, galois_key(keys, element, level), level);
  const auto index = context_->automorphism_index(element);
  EvalPoly body = mod_down(std::move(switched.first), level);
  ring::add_inplace(body, a.parts[0]);
  Ciphertext result;
  result.scale = a.scale;
  result.parts.push_back(ring::automorphism(body, index));
  result.parts.push_back(ring::automorphism(mod_down(std::move(switched.second), level), index));
  return result;
}

Ciphertext Evaluator::rotate(const Ciphertext& a, int k, const EvaluationKeys& keys) const {
  return rotate(hoist(a), k, keys);
}

Ciphertext Evaluator::conjugate(const Ciphertext& a, const EvaluationKeys& keys) const {
  require_parts(a, 2);
  return apply_galois(a, decompose(a.parts[1]), context_->conjugation_element(), keys);
}

Hoisted Evaluator::hoist(const Ciphertext& a) const {
  require_parts(a, 2);
  return {&a, decompose(a.parts[1])};
}

Ciphertext Evaluator::rotate(const Hoisted& a, int k, const EvaluationKeys& keys) const {
  const std::uint32_t element = context_->rotation_element(k);
  return element == 1 ? *a.source : apply_galois(*a.source, a.digits, element, keys);
}

/// extended += P·a; P·a vanishes modulo P.
void Evaluator::add_times_p(EvalPoly& extended, const EvalPoly& a) const {
  const auto level = static_cast<unsigned>(a.limbs()) - 1;
  parallel_for(a.limbs(), [&](std::size_t l) {
    const Modulus& q = context_->q(l);
    ring::AlignedVector<std::uint64_t> product(a.n());
    kernels().mul_scalar(product.data(), a.limb(l), context_->p_mod_q(level, l), a.n(), q);
    kernels().add(extended.limb(l), extended.limb(l), product.data(), a.n(), q);
  });
}

ExtendedCiphertext Evaluator::extend(const Ciphertext& a) const {
  require_parts(a, 2);
  const ring::BasisPtr& extended = context_->extended_basis(a.level());
  ExtendedCiphertext result{EvalPoly(extended), EvalPoly(extended), a.scale, a.level()};
  add_times_p(result.body, a.parts[0]);
  add_times_p(result.mask, a.parts[1]);
  return result;
}

std::vector<EvalPoly> Evaluator::hoist(const ExtendedCiphertext& a) const {
  return decompose(mod_down(a.mask, a.level));
}

ExtendedCiphertext Evaluator::rotate_extended(const Hoisted& a, int k, const EvaluationKeys& keys) const {
  const std::uint32_t element = context_->rotation_element(k);
  if (element == 1) return extend(*a.source);
  const unsigned level = a.source->level();
  Pair switched = inner_product(a.digits, galois_key(keys, element, level), level);
  add_times_p(switched.first, a.source->parts[0]);
  const auto index = context_->automorphism_index(element);
  return {ring::automorphism(switched.first, index), ring::automorphism(switched.second, index), a.source->scale,
          level};
}

void Evaluator::add_rotated(ExtendedCiphertext& acc, const ExtendedCiphertext& a, std::span<const EvalPoly> digits,
                            int k, const EvaluationKeys& keys) const {
  require_same_level(acc.level, a.level);
  require_same_scale(acc.scale, a.scale);
  const std::uint32_t element = context_->rotation_element(k);
  Pair switched = inner_product(digits, galois_key(keys, element, a.level), a.level);
  ring::add_inplace(switched.first, a.body);
  const auto index = context_->automorphism_index(element);
  ring::add_inplace(acc.body, ring::automorphism(switched.first, index));
  ring::add_inplace(acc.mask, ring::automorphism(switched.second, index));
}

void Evaluator::add_inplace(ExtendedCiphertext& a, const ExtendedCiphertext& b) const {
  require_same_level(a.level, b.level);
  require_same_scale(a.scale, b.scale);
  ring::add_inplace(a.body, b.body);
  ring::add_inplace(a.mask, b.mask);
}

ExtendedCiphertext Evaluator::dot_plain(std::span<const ExtendedCiphertext* const> cts,
                                        std::span<const EvalPoly* const> plains, double plain_scale) const {
  if (cts.empty() || cts.size() != plains.size()) {
    throw InvalidArgument(std::to_string(cts.size()) + " ciphertexts and " + std::to_string(plains.size()) +
                          " plaintexts to multiply");
  }
  for (const ExtendedCiphertext* ct : cts) {
    require_same_level(cts[0]->level, ct->level);
    require_same_scale(cts[0]->scale, ct->scale);
  }
  const ring::BasisPtr& extended = context_->extended_basis(cts[0]->level);
  ExtendedCiphertext result{EvalPoly::uninitialised(extended), EvalPoly::uninitialised(extended),
                            cts[0]->scale * plain_scale, cts[0]->level};
  parallel_for(extended->size(), [&](std::size_t l) {
    std::vector<const std::uint64_t*> body(cts.size()), mask(cts.size()), w(cts.size());
    for (std::size_t i = 0; i < cts.size(); ++i) {
      body[i] = cts[i]->body.limb(l);
      mask[i] = cts[i]->mask.limb(l);
      w[i] = plains[i]->limb(l);
    }
    kernels().dot(result.body.limb(l), body.data(), w.data(), w.size(), context_->n(), extended->modulus(l));
    kernels().dot(result.mask.limb(l), mask.data(), w.data(), w.size(), context_->n(), extended->modulus(l));
  });
  return result;
}

Ciphertext Evaluator::mod_down(const ExtendedCiphertext& a) const {
  Ciphertext result;
  result.scale = a.scale;
  result.parts.push_back(mod_down(a.body, a.level));
  result.parts.push_back(mod_down(a.mask, a.level));
  return result;
}

Ciphertext Evaluator::dot_plain(std::span<const Ciphertext* const> cts,
                                std::span<const Plaintext* const> plains) const {
  if (cts.empty() || cts.size() != plains.size()) {
    throw InvalidArgument(std::to_string(cts.size()) + " ciphertexts and " + std::to_string(plains.size()) +
                          " plaintexts to multiply");
  }
  Ciphertext result;
  result.scale = cts[0]->scale * plains[0]->scale;
  for (std::size_t i = 0; i < cts.size(); ++i) {
    require_parts(*cts[i], 2);
    require_same_level(cts[0]->level(), cts[i]->level());
    require_same_level(cts[0]->level(), plains[i]->level());
    require_same_scale(result.scale, cts[i]->scale * plains[i]->scale);
  }
  const ring::BasisPtr& basis = cts[0]->parts[0].basis();
  for (int i = 0; i < 2; ++i) result.parts.push_back(EvalPoly::uninitialised(basis));
  parallel_for(2 * basis->size(), [&](std::size_t task) {
    const std::size_t part = task % 2;
    const std::size_t l = task / 2;
    std::vector<const std::uint64_t*> x(cts.size()), w(cts.size());
    for (std::size_t i = 0; i < cts.size(); ++i) {
      x[i] = cts[i]->parts[part].limb(l);
      w[i] = plains[i]->poly.limb(l);
    }
    kernels().dot(result.parts[part].limb(l), x.data(), w.data(), x.size(), context_->n(), context_->q(l));
  });
  return result;
}

}  // namespace blindsight::ckks
