#include "blindsight/ckks/keys.h"

#include <openssl/crypto.h>

#include <algorithm>
#include <cstring>
#include <string>

#include "blindsight/base/error.h"
#include "blindsight/base/parallel.h"
#include "blindsight/ring/kernels.h"

namespace blindsight::ckks {

namespace {

using ring::EvalPoly;

EvalPoly fresh_secret(const ring::BasisPtr& basis) {
  Prng prng(random_seed());
  return ring::to_eval(sample_ternary(basis, prng));
}

EvalPoly from_ternary(const ring::BasisPtr& basis, std::span<const std::int8_t> coefficients) {
  if (coefficients.size() != basis->n()) {
    throw FormatError("a secret of " + std::to_string(coefficients.size()) +
                      " coefficients for N = " + std::to_string(basis->n()));
  }
  ring::CoeffPoly poly(basis);
  for (std::size_t i = 0; i < coefficients.size(); ++i) {
    if (coefficients[i] < -1 || coefficients[i] > 1) throw FormatError("a secret coefficient that is not -1, 0 or 1");
    for (std::size_t l = 0; l < poly.limbs(); ++l) poly.limb(l)[i] = basis->modulus(l).from_signed(coefficients[i]);
  }
  return ring::to_eval(std::move(poly));
}

/// The limbs of a polynomial over Q·P that extended_basis(level) has.
EvalPoly restrict_to(const Context& context, const EvalPoly& full, unsigned level) {
  EvalPoly part(context.extended_basis(level));
  const std::size_t dropped = full.limbs() - part.limbs();
  for (std::size_t l = 0; l < part.limbs(); ++l) {
    const std::size_t from = l <= level ? l : l + dropped;
    std::memcpy(part.limb(l), full.limb(from), part.n() * sizeof(std::uint64_t));
  }
  return part;
}

/// b += P·from on the limbs of one digit: the gadget is 1 there and 0 on every other ciphertext limb, and vanishes mod
/// P.
void add_gadget(const Context& context, EvalPoly& b, const EvalPoly& from, std::size_t first, std::size_t last) {
  const auto& kernels = ring::kernels();
  ring::AlignedVector<std::uint64_t> product(b.n());
  for (std::size_t l = first; l < last; ++l) {
    const ring::Modulus& q = context.q(l);
    kernels.mul_scalar(product.data(), from.limb(l), context.p_mod_q(l), b.n(), q);
    kernels.add(b.limb(l), b.limb(l), product.data(), b.n(), q);
  }
}

/// Switches from secret `from` to secret `to`, both over Q·P.
KeySwitchKey make_switch_key(const Context& context, const EvalPoly& from, const EvalPoly& to, unsigned level) {
  if (level > context.max_level()) {
    throw InvalidArgument("a key of level " + std::to_string(level) + ", above the highest, " +
                          std::to_string(context.max_level()));
  }
  KeySwitchKey key{level, random_seed(), {}, {}};
  const std::size_t digits = context.digits(level);
  const std::size_t alpha = context.special_limbs();
  key.b.resize(digits);
  key.a.resize(digits);
  EvalPoly secret = restrict_to(context, to, level);
  parallel_for(digits, [&](std::size_t d) {
    key.a[d] = sample_uniform(context.extended_basis(level), key.seed, d);
    EvalPoly b = key.a[d];
    ring::mul_inplace(b, secret);
    ring::negate_inplace(b);
    EvalPoly error = fresh_error(context.extended_basis(level));
    ring::add_inplace(b, error);
    error.wipe();
    add_gadget(context, b, from, d * alpha, std::min<std::size_t>((d + 1) * alpha, level + 1));
    key.b[d] = std::move(b);
  });
  secret.wipe();
  return key;
}

std::uint32_t inverse_element(const Context& context, std::uint32_t element) {
  const std::uint64_t mask = 2 * context.n() - 1;
  std::uint64_t inverse = element;  // Newton: every step doubles the correct low bits
  for (int i = 0; i < 5; ++i) inverse = inverse * (2 - element * inverse) & mask;
  return static_cast<std::uint32_t>(inverse);
}

/// For X → X^g applied after the switch: from s to s(X^(g^-1)).
KeySwitchKey make_galois_key(const SecretKey& secret, std::uint32_t element, unsigned level) {
  const Context& context = *secret.context();
  EvalPoly rotated = ring::automorphism(secret.poly(), context.automorphism_index(inverse_element(context, element)));
  KeySwitchKey key = make_switch_key(context, secret.poly(), rotated, level);
  rotated.wipe();
  return key;
}

/// Galois elements and levels of a request, in order.
std::map<std::uint32_t, unsigned> galois_levels(const Context& context, const KeyRequest& request) {
  std::map<std::uint32_t, unsigned> levels;
  const auto want = [&](std::uint32_t element, unsigned level) {
    unsigned& present = levels[element];
    present = std::max(present, level);
  };
  for (const auto& [rotation, level] : request.rotations) {
    if (rotation % static_cast<int>(context.slots()) == 0) throw InvalidArgument("a key for a rotation by 0 slots");
    want(context.rotation_element(rotation), level);
  }
  if (request.conjugation) want(context.conjugation_element(), *request.conjugation);
  return levels;
}

}  // namespace

SecretKey::SecretKey(ContextPtr context)
    : context_(std::move(context)), poly_(fresh_secret(context_->extended_basis(context_->max_level()))) {}

SecretKey::SecretKey(ContextPtr context, std::span<const std::int8_t> coefficients)
    : context_(std::move(context)),
      poly_(from_ternary(context_->extended_basis(context_->max_level()), coefficients)) {}

SecretKey::~SecretKey() {
  if (!poly_.empty()) poly_.wipe();
}

std::vector<std::int8_t> SecretKey::coefficients() const {
  EvalPoly first = poly_;
  first.truncate(context_->basis(0));
  ring::CoeffPoly poly = ring::to_coeff(std::move(first));
  std::vector<std::int8_t> coefficients(poly.n());
  for (std::size_t i = 0; i < poly.n(); ++i) {
    coefficients[i] = static_cast<std::int8_t>(poly.basis()->modulus(0).to_signed(poly.limb(0)[i]));
  }
  poly.wipe();
  return coefficients;
}

PublicKey make_public_key(const SecretKey& secret) {
  const Context& context = *secret.context();
  const auto& basis = context.basis(context.max_level());
  EvalPoly s = secret.poly();
  s.truncate(basis);
  PublicKey key{{}, random_seed()};
  key.b = sample_uniform(basis, key.seed);
  ring::mul_inplace(key.b, s);
  ring::negate_inplace(key.b);
  ring::add_inplace(key.b, fresh_error(basis));
  s.wipe();
  return key;
}

EvaluationKeys make_evaluation_keys(const SecretKey& secret, const KeyRequest& request) {
  const ContextPtr& context = secret.context();
  EvaluationKeys keys{context, std::nullopt, {}};
  if (request.relinearisation) {
    EvalPoly squared = secret.poly();
    ring::mul_inplace(squared, secret.poly());
    keys.relinearisation = make_switch_key(*context, squared, secret.poly(), *request.relinearisation);
    squared.wipe();
  }
  for (const auto& [element, level] : galois_levels(*context, request)) {
    keys.galois.emplace(element, make_galois_key(secret, element, level));
  }
  return keys;
}

void require_keys(const EvaluationKeys& keys, const KeyRequest& request) {
  const auto require = [](const KeySwitchKey* key, unsigned level, const std::string& name) {
    if (!key) throw KeyMismatch("the evaluation keys hold no " + name + ": run keygen on this model's manifest");
    if (key->level < level) {
      throw KeyMismatch("the " + name + " is of level " + std::to_string(key->level) + ", needed at " +
                        std::to_string(level) + ": run keygen on this model's manifest");
    }
  };
  if (request.relinearisation) {
    require(keys.relinearisation ? &*keys.relinearisation : nullptr, *request.relinearisation, "relinearisation key");
  }
  for (const auto& [element, level] : galois_levels(*keys.context, request)) {
    const auto it = keys.galois.find(element);
    require(it == keys.galois.end() ? nullptr : &it->second, level, "Galois key of element " + std::to_string(element));
  }
}

}  // namespace blindsight::ckks
