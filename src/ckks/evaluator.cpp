#include "blindsight/ckks/evaluator.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "blindsight/base/error.h"
#include "blindsight/base/parallel.h"
#include "blindsight/ckks/ring_switching.h"
#include "blindsight/ring/kernels.h"

namespace blindsight::ckks {

namespace {

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

Evaluator::Evaluator(ContextPtr context)
    : context_(std::move(context)), switcher_(std::make_shared<const KeySwitcher>(context_)) {}

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

void Evaluator::relinearise_inplace(Ciphertext& a, const EvaluationKeys& keys) const {
  require_parts(a, 3);
  const unsigned level = a.level();
  KeySwitcher::Pair sums = switcher_->switch_key(a.parts[2], relinearisation_key(keys, level));
  EvalPoly* const extended[] = {&sums.first, &sums.second};
  switcher_->mod_down_overwriting(extended, level, [&](std::size_t part, std::size_t l, std::uint64_t* limb) {
    switcher_->divide(limb, extended[part]->limb(l), limb, level, l);
    kernels().add(a.parts[part].limb(l), a.parts[part].limb(l), limb, context_->n(), context_->q(l));
  });
  a.parts.pop_back();
}

void Evaluator::rescale_inplace(Ciphertext& a) const {
  const unsigned level = a.level();
  if (level == 0) throw InvalidArgument("a ciphertext of level 0 can't be rescaled: no prime is left to divide by");
  const Modulus& dropped = context_->q(level);
  const std::size_t n = context_->n();
  parallel_for(a.parts.size(), [&](std::size_t part) {
    kernels().ntt_inverse(a.parts[part].limb(level), n, context_->basis(level)->tables(level));
  });
  parallel_for(a.parts.size() * level, [&](std::size_t task) {
    EvalPoly& part = a.parts[task / level];
    const std::size_t l = task % level;
    const Modulus& q = context_->q(l);
    ring::AlignedVector<std::uint64_t> remainder(n);
    kernels().switch_modulus(remainder.data(), part.limb(level), n, dropped, q);
    kernels().ntt_forward(remainder.data(), n, context_->basis(level)->tables(l));
    kernels().sub_mul_scalar(part.limb(l), part.limb(l), remainder.data(), q.inverse(q.reduce(dropped.value())), n, q);
  });
  for (EvalPoly& part : a.parts) part.truncate(context_->basis(level - 1));
  a.scale /= static_cast<double>(dropped.value());
}

void Evaluator::drop_to_level_inplace(Ciphertext& a, unsigned level) const {
  if (level > a.level()) {
    throw InvalidArgument("a ciphertext of level " + std::to_string(a.level()) + " can't be raised to level " +
                          std::to_string(level));
  }
  for (EvalPoly& part : a.parts) part.truncate(context_->basis(level));
}

/// With a(X) = e(X²) + X·o(X²) and s likewise, the even part of b + a·s is b_e + a_e·s_e + Y·a_o·s_o, in Y = X²: three
/// parts of this ring, of which two meet a secret that is switched away.
Ciphertext Evaluator::switch_ring(const Ciphertext& a, const EvaluationKeys& keys) const {
  require_parts(a, 2);
  require_same_context(*context_, *keys.context, "the evaluation keys");
  if (!keys.from_larger) throw KeyMismatch("the evaluation keys hold none that leads from a larger ring");
  const unsigned level = a.level();
  Ciphertext result;
  result.scale = a.scale;
  result.parts.push_back(even_half(a.parts[0], *context_));
  result.parts.push_back(EvalPoly::uninitialised(context_->basis(level)));
  const Halves mask = split(a.parts[1], *context_);
  KeySwitcher::Pair sums = switcher_->switch_key(mask.even, require_level(keys.from_larger->even, level));
  switcher_->switch_key(mask.shifted_odd, require_level(keys.from_larger->odd, level), nullptr,
                        [&](std::size_t l, std::uint64_t* b, std::uint64_t* m) {
                          const Modulus& q = context_->extended_basis(level)->modulus(l);
                          kernels().add(sums.first.limb(l), sums.first.limb(l), b, context_->n(), q);
                          kernels().add(sums.second.limb(l), sums.second.limb(l), m, context_->n(), q);
                        });
  EvalPoly* const extended[] = {&sums.first, &sums.second};
  switcher_->mod_down_overwriting(extended, level, [&](std::size_t part, std::size_t l, std::uint64_t* limb) {
    std::uint64_t* const out = result.parts[part].limb(l);
    switcher_->divide(limb, extended[part]->limb(l), limb, level, l);
    if (part == 0) {
      kernels().add(out, out, limb, context_->n(), context_->q(l));
    } else {
      std::copy_n(limb, context_->n(), out);
    }
  });
  return result;
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

const KeySwitchKey& Evaluator::rotation_key(const EvaluationKeys& keys, int k, unsigned level) const {
  return galois_key(keys, context_->rotation_element(k), level);
}

/// X → X^element of (a.parts[0] + sums.first/P, sums.second/P).
Ciphertext Evaluator::finish_galois(const Ciphertext& a, KeySwitcher::Pair sums, std::uint32_t element) const {
  const unsigned level = a.level();
  const auto index = context_->automorphism_index(element);
  Ciphertext result;
  result.scale = a.scale;
  for (int i = 0; i < 2; ++i) result.parts.push_back(EvalPoly::uninitialised(context_->basis(level)));
  EvalPoly* const extended[] = {&sums.first, &sums.second};
  switcher_->mod_down_overwriting(extended, level, [&](std::size_t part, std::size_t l, std::uint64_t* limb) {
    switcher_->divide(limb, extended[part]->limb(l), limb, level, l);
    if (part == 0) kernels().add(limb, limb, a.parts[0].limb(l), context_->n(), context_->q(l));
    kernels().permute(result.parts[part].limb(l), ring::kPackedRun, limb, 0, index.data(), context_->n());
  });
  return result;
}

Ciphertext Evaluator::rotate(const Ciphertext& a, int k, const EvaluationKeys& keys) const {
  require_parts(a, 2);
  const std::uint32_t element = context_->rotation_element(k);
  return element == 1 ? a : apply_galois(a, element, keys);
}

Ciphertext Evaluator::conjugate(const Ciphertext& a, const EvaluationKeys& keys) const {
  require_parts(a, 2);
  return apply_galois(a, context_->conjugation_element(), keys);
}

Ciphertext Evaluator::with_rotation(const Ciphertext& a, int k, const EvaluationKeys& keys) const {
  Ciphertext rotated = rotate(a, k, keys);
  const std::size_t n = context_->n();
  parallel_for(2 * (a.level() + 1), [&](std::size_t task) {
    const std::size_t part = task % 2, l = task / 2;
    const Modulus& q = context_->q(l);
    std::uint64_t* const out = rotated.parts[part].limb(l);
    const std::uint64_t* const in = a.parts[part].limb(l);
    // In the transforms' order X^(N/2) is a square root of −1 in the first half, its negative in the second.
    kernels().mul_scalar(out, out, context_->basis(a.level())->tables(l).root_of_minus_one(), n, q);
    kernels().sub(out, in, out, n / 2, q);
    kernels().add(out + n / 2, in + n / 2, out + n / 2, n / 2, q);
  });
  return rotated;
}

Ciphertext Evaluator::apply_galois(const Ciphertext& a, std::uint32_t element, const EvaluationKeys& keys) const {
  return finish_galois(a, switcher_->switch_key(a.parts[1], galois_key(keys, element, a.level())), element);
}

Hoisted Evaluator::hoist(const Ciphertext& a) const {
  require_parts(a, 2);
  return {&a, switcher_->decompose(a.parts[1])};
}

Ciphertext Evaluator::rotate(const Hoisted& a, int k, const EvaluationKeys& keys) const {
  const std::uint32_t element = context_->rotation_element(k);
  if (element == 1) return *a.source;
  const unsigned level = a.source->level();
  return finish_galois(*a.source, switcher_->inner_product(a.digits, galois_key(keys, element, level), level), element);
}

/// out = P·a on a limb of a level; P·a vanishes modulo P.
void Evaluator::times_p(std::uint64_t* out, const std::uint64_t* a, unsigned level, std::size_t l,
                        std::size_t count) const {
  kernels().mul_scalar(out, a, context_->p_mod_q(level, l), count, context_->q(l));
}

ExtendedCiphertext Evaluator::extend(const Ciphertext& a) const {
  require_parts(a, 2);
  const unsigned level = a.level();
  const ring::BasisPtr& extended = context_->extended_basis(level);
  ExtendedCiphertext result{EvalPoly::uninitialised(extended), EvalPoly::uninitialised(extended), a.scale, level};
  parallel_for(2 * extended->size(), [&](std::size_t task) {
    const std::size_t l = task / 2;
    std::uint64_t* const out = (task % 2 == 0 ? result.body : result.mask).limb(l);
    if (l <= level) {
      times_p(out, a.parts[task % 2].limb(l), level, l, context_->n());
    } else {
      std::fill_n(out, context_->n(), 0);
    }
  });
  return result;
}

std::vector<EvalPoly> Evaluator::hoist(const ExtendedCiphertext& a) const {
  return switcher_->decompose(mod_down(a.mask, a.level));
}

ExtendedCiphertext Evaluator::rotate_extended(const Hoisted& a, int k, const EvaluationKeys& keys) const {
  const std::uint32_t element = context_->rotation_element(k);
  if (element == 1) return extend(*a.source);
  const unsigned level = a.source->level();
  const std::size_t n = context_->n();
  const KeySwitchKey& key = galois_key(keys, element, level);
  const ring::BasisPtr& extended = context_->extended_basis(level);
  ExtendedCiphertext result{EvalPoly::uninitialised(extended), EvalPoly::uninitialised(extended), a.source->scale,
                            level};
  parallel_for(extended->size(), [&](std::size_t l) {
    ring::AlignedVector<std::uint64_t> words(3 * n);
    if (l <= level) times_p(words.data(), a.source->parts[0].limb(l), level, l, n);
    std::uint64_t* const out[] = {result.body.limb(l), result.mask.limb(l)};
    rotate_extended_limb(out, ring::kPackedRun, a, k, key, l, 0, n, words.data(), words.data() + n);
  });
  return result;
}

void Evaluator::rotate_extended_limb(std::uint64_t* const* out, std::size_t stride, const Hoisted& a, int k,
                                     const KeySwitchKey& key, std::size_t l, std::size_t first, std::size_t count,
                                     const std::uint64_t* body, std::uint64_t* scratch) const {
  const unsigned level = a.source->level();
  const std::uint32_t* const index = context_->automorphism_index(context_->rotation_element(k)).data() + first;
  const std::size_t origin = index[0] / count * count;
  switcher_->inner_product_limb(a.digits, key, level, l, origin, count, l <= level ? body : nullptr, scratch,
                                scratch + count);
  kernels().permute(out[0], stride, scratch, origin, index, count);
  kernels().permute(out[1], stride, scratch + count, origin, index, count);
}

/// What adding rot_element(a) to acc comes to, given the sums of the key switch limb by limb, from a's body on.
KeySwitcher::UseSums Evaluator::add_permuted(ExtendedCiphertext& acc, const ExtendedCiphertext& a,
                                             std::uint32_t element) const {
  require_same_level(acc.level, a.level);
  require_same_scale(acc.scale, a.scale);
  const auto index = context_->automorphism_index(element);
  return [this, &acc, index](std::size_t l, std::uint64_t* b, std::uint64_t* mask) {
    const Modulus& q = context_->extended_basis(acc.level)->modulus(l);
    kernels().add_permuted(acc.body.limb(l), b, index.data(), context_->n(), q);
    kernels().add_permuted(acc.mask.limb(l), mask, index.data(), context_->n(), q);
  };
}

void Evaluator::add_rotated(ExtendedCiphertext& acc, const ExtendedCiphertext& a, std::span<const EvalPoly> digits,
                            int k, const EvaluationKeys& keys) const {
  const std::uint32_t element = context_->rotation_element(k);
  switcher_->inner_product(digits, galois_key(keys, element, a.level), a.level, &a.body, add_permuted(acc, a, element));
}

void Evaluator::add_rotated(ExtendedCiphertext& acc, ExtendedCiphertext& a, int k, const EvaluationKeys& keys) const {
  const std::uint32_t element = context_->rotation_element(k);
  if (element == 1) {
    add_inplace(acc, a);
    return;
  }
  EvalPoly mask = EvalPoly::uninitialised(context_->basis(a.level));
  EvalPoly* const extended[] = {&a.mask};
  switcher_->mod_down_overwriting(extended, a.level, [&](std::size_t, std::size_t l, std::uint64_t* limb) {
    switcher_->divide(mask.limb(l), a.mask.limb(l), limb, a.level, l);
  });
  switcher_->switch_key(mask, galois_key(keys, element, a.level), &a.body, add_permuted(acc, a, element));
}

void Evaluator::add_conjugate(ExtendedCiphertext& a, const EvaluationKeys& keys) const {
  const std::uint32_t element = context_->conjugation_element();
  // A limb's sums are whole before they are added to it.
  switcher_->switch_key(mod_down(a.mask, a.level), galois_key(keys, element, a.level), &a.body,
                        add_permuted(a, a, element));
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
    kernels().dot_pair(result.body.limb(l), result.mask.limb(l), nullptr, w.data(), body.data(), mask.data(), w.size(),
                       context_->n(), extended->modulus(l));
  });
  return result;
}

Ciphertext Evaluator::mod_down(const ExtendedCiphertext& a) const {
  Ciphertext result;
  result.scale = a.scale;
  for (int i = 0; i < 2; ++i) result.parts.push_back(EvalPoly::uninitialised(context_->basis(a.level)));
  const EvalPoly* const extended[] = {&a.body, &a.mask};
  switcher_->mod_down(extended, a.level, [&](std::size_t part, std::size_t l, std::uint64_t* limb) {
    switcher_->divide(result.parts[part].limb(l), extended[part]->limb(l), limb, a.level, l);
  });
  return result;
}

/// One half of a ciphertext divided by P and rounded: Q_level·P to Q_level.
EvalPoly Evaluator::mod_down(const EvalPoly& a, unsigned level) const {
  EvalPoly result = EvalPoly::uninitialised(context_->basis(level));
  const EvalPoly* const extended[] = {&a};
  switcher_->mod_down(extended, level, [&](std::size_t, std::size_t l, std::uint64_t* limb) {
    switcher_->divide(result.limb(l), a.limb(l), limb, level, l);
  });
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
  parallel_for(basis->size(), [&](std::size_t l) {
    std::vector<const std::uint64_t*> body(cts.size()), mask(cts.size()), w(cts.size());
    for (std::size_t i = 0; i < cts.size(); ++i) {
      body[i] = cts[i]->parts[0].limb(l);
      mask[i] = cts[i]->parts[1].limb(l);
      w[i] = plains[i]->poly.limb(l);
    }
    kernels().dot_pair(result.parts[0].limb(l), result.parts[1].limb(l), nullptr, w.data(), body.data(), mask.data(),
                       w.size(), context_->n(), context_->q(l));
  });
  return result;
}

}  // namespace blindsight::ckks
