#include "blindsight/ckks/keys.h"

#include <openssl/crypto.h>

#include <algorithm>
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

std::unique_ptr<SecretKey> secret_of(const ContextPtr& context) {
  return context ? std::make_unique<SecretKey>(context) : nullptr;
}

using Words = ring::AlignedVector<std::uint64_t>;

/// Room for a packed key.
std::shared_ptr<std::uint8_t> packed_room(std::size_t bytes) {
  auto room = std::make_shared<ring::AlignedVector<std::uint8_t>>(bytes);
  return {room, room->data()};
}

/// Switches from secret `from` to secret `to`, both over all of Q·P.
KeySwitchKey make_switch_key(const Context& context, const EvalPoly& from, const EvalPoly& to, unsigned level,
                             KeyForm form) {
  KeySwitchKey key{level, random_seed(), {}, {}, {}};
  const ring::BasisPtr& basis = context.extended_basis(level);
  const std::size_t n = basis->n(), limbs = basis->size();
  const std::size_t digits = context.digits(level), alpha = context.special_limbs(level);
  std::vector<std::optional<SmallCoefficients>> errors(digits);
  parallel_for(digits, [&](std::size_t d) {
    Prng prng(random_seed());
    errors[d].emplace(sample_error_coefficients(n, prng));
  });
  const auto offsets = packed_offsets(*basis);
  std::shared_ptr<std::uint8_t> packed;
  if (form == KeyForm::kPacked) {
    packed = packed_room(packed_key_bytes(context, level));
  } else {
    for (std::size_t d = 0; d < digits; ++d) {
      key.a.push_back(EvalPoly::uninitialised(basis));
      key.b.push_back(EvalPoly::uninitialised(basis));
    }
  }
  const auto& kernels = ring::kernels();
  // b_d = e_d − a_d·to, and on the digit's own limbs + P·from: the gadget is 1 there and 0 on every other ciphertext
  // limb, and vanishes mod P.
  parallel_for(digits * limbs, [&](std::size_t task) {
    const std::size_t d = task / limbs, l = task % limbs;
    const std::size_t whole = l <= level ? l : l + (context.max_level() - level);  // that limb of Q·P
    const ring::Modulus& q = basis->modulus(l);
    Words product(n), scratch(packed ? 2 * n : 0);
    std::uint64_t* const a = packed ? scratch.data() : key.a[d].limb(l);
    std::uint64_t* const b = packed ? scratch.data() + n : key.b[d].limb(l);
    UniformWords(key.seed).make({a, n}, q, d, l);
    errors[d]->reduce(b, q);
    kernels.ntt_forward(b, n, basis->tables(l));
    kernels.mul(product.data(), a, to.limb(whole), n, q);
    kernels.sub(b, b, product.data(), n, q);
    if (l <= level && l / alpha == d) {
      kernels.mul_scalar(product.data(), from.limb(whole), context.p_mod_q(level, l), n, q);
      kernels.add(b, b, product.data(), n, q);
    }
    OPENSSL_cleanse(product.data(), product.size() * sizeof(std::uint64_t));
    if (packed)
      pack_words({packed.get() + d * offsets.back() + offsets[l], offsets[l + 1] - offsets[l]}, {b, n}, q.bits());
  });
  key.packed = std::move(packed);
  return key;
}

std::uint32_t inverse_element(const Context& context, std::uint32_t element) {
  const std::uint64_t mask = 2 * context.n() - 1;
  std::uint64_t inverse = element;  // Newton: every step doubles the correct low bits
  for (int i = 0; i < 5; ++i) inverse = inverse * (2 - element * inverse) & mask;
  return static_cast<std::uint32_t>(inverse);
}

/// For X → X^g applied after the switch: from s to s(X^(g^-1)).
KeySwitchKey make_galois_key(const SecretKey& secret, std::uint32_t element, unsigned level, KeyForm form) {
  const Context& context = *secret.context();
  EvalPoly rotated = ring::automorphism(secret.poly(), context.automorphism_index(inverse_element(context, element)));
  KeySwitchKey key = make_switch_key(context, secret.poly(), rotated, level, form);
  rotated.wipe();
  return key;
}

/// Coefficients `first`, first + 2, … of a secret, as an element of the next smaller ring.
EvalPoly every_other(const SecretKey& secret, std::size_t first) {
  auto all = secret.coefficients();
  std::vector<std::int8_t> some(all.size() / 2);
  for (std::size_t i = 0; i < some.size(); ++i) some[i] = all[2 * i + first];
  EvalPoly poly = from_ternary(secret.smaller()->context()->full_basis(), some);
  for (auto* values : {&all, &some}) OPENSSL_cleanse(values->data(), values->size());
  return poly;
}

/// The keys of one ring; `larger`, where there is one, is the secret that ciphertexts come from.
void make_ring_keys(const SecretKey& secret, const SecretKey* larger, const KeyRequest& request, KeyForm form,
                    unsigned ring, const UseKey& use) {
  const Context& context = *secret.context();
  const KeyLevels wanted = key_levels(context, request);
  if (larger != nullptr) {
    const unsigned level = context.max_level();
    for (const KeyKind kind : {KeyKind::kEven, KeyKind::kOdd}) {
      EvalPoly from = every_other(*larger, kind == KeyKind::kEven ? 0 : 1);
      use({ring, kind, {1, static_cast<unsigned>(context.special_limbs(level))}},
          make_switch_key(context, from, secret.poly(), level, form));
      from.wipe();
    }
  }
  if (!wanted.relinearisation.empty()) {
    EvalPoly squared = secret.poly();
    ring::mul_inplace(squared, secret.poly());
    for (const auto& [special_limbs, level] : wanted.relinearisation) {
      use({ring, KeyKind::kRelinearisation, {1, special_limbs}},
          make_switch_key(context, squared, secret.poly(), level, form));
    }
    squared.wipe();
  }
  for (const auto& [id, level] : wanted.galois) {
    use({ring, KeyKind::kGalois, id}, make_galois_key(secret, id.element, level, form));
  }
}

/// Makes sure that `levels` serve this level with so many special limbs.
void raise(KeyRequest::Levels& levels, unsigned special_limbs, unsigned level) {
  unsigned& present = levels[special_limbs];
  present = std::max(present, level);
}

void check_levels(const Context& context, const KeyRequest::Levels& levels) {
  for (const auto& [special_limbs, level] : levels) {
    if (level > context.max_level()) {
      throw InvalidArgument("a key of level " + std::to_string(level) + ", above the highest, " +
                            std::to_string(context.max_level()));
    }
    if (context.special_limbs(level) != special_limbs) {
      throw InvalidArgument("a key of level " + std::to_string(level) + " for " + std::to_string(special_limbs) +
                            " special limbs: that level uses " + std::to_string(context.special_limbs(level)));
    }
  }
}

}  // namespace

KeyRequest& KeyRequest::in_ring(unsigned steps) {
  if (steps == 0) return *this;
  if (smaller.empty()) smaller.emplace_back();
  return smaller.front().in_ring(steps - 1);
}

const KeyRequest& KeyRequest::next() const {
  static const KeyRequest none;
  return smaller.empty() ? none : smaller.front();
}

void KeyRequest::want_relinearisation(const ParametersLiteral& parameters, unsigned level) {
  raise(relinearisation, parameters.special_limbs_at(level), level);
}

void KeyRequest::want_rotation(const ParametersLiteral& parameters, int k, unsigned level) {
  if (k != 0) raise(rotations[k], parameters.special_limbs_at(level), level);
}

void KeyRequest::want_conjugation(const ParametersLiteral& parameters, unsigned level) {
  raise(conjugation, parameters.special_limbs_at(level), level);
}

KeyLevels key_levels(const Context& context, const KeyRequest& request) {
  KeyLevels keys;
  const auto want = [&](std::uint32_t element, const KeyRequest::Levels& levels) {
    check_levels(context, levels);
    for (const auto& [special_limbs, level] : levels) {
      unsigned& present = keys.galois[{element, special_limbs}];
      present = std::max(present, level);
    }
  };
  check_levels(context, request.relinearisation);
  keys.relinearisation = request.relinearisation;
  for (const auto& [rotation, levels] : request.rotations) {
    if (rotation % static_cast<int>(context.slots()) == 0) throw InvalidArgument("a key for a rotation by 0 slots");
    want(context.rotation_element(rotation), levels);
  }
  want(context.conjugation_element(), request.conjugation);
  return keys;
}

SecretKey::SecretKey(ContextPtr context)
    : context_(std::move(context)),
      poly_(fresh_secret(context_->full_basis())),
      smaller_(secret_of(context_->smaller())) {}

SecretKey::SecretKey(ContextPtr context, std::span<const std::int8_t> coefficients, std::unique_ptr<SecretKey> smaller)
    : context_(std::move(context)),
      poly_(from_ternary(context_->full_basis(), coefficients)),
      smaller_(std::move(smaller)) {
  if ((smaller_ ? smaller_->context() : nullptr) != context_->smaller()) {
    throw FormatError("a secret without those of its smaller rings");
  }
}

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

std::vector<std::size_t> packed_offsets(const ring::Basis& basis) {
  std::vector<std::size_t> offsets{0};
  for (std::size_t i = 0; i < basis.size(); ++i) {
    offsets.push_back(offsets.back() + packed_size(basis.n(), basis.modulus(i).bits()));
  }
  return offsets;
}

std::size_t packed_key_bytes(const Context& context, unsigned level) {
  return context.digits(level) * packed_offsets(*context.extended_basis(level)).back();
}

KeySwitchKey expand(const KeySwitchKey& key, const Context& context) {
  if (!key.packed) return key;
  KeySwitchKey expanded{key.level, key.seed, {}, {}, {}};
  const ring::BasisPtr& basis = context.extended_basis(key.level);
  const std::size_t n = basis->n(), limbs = basis->size(), digits = context.digits(key.level);
  const auto offsets = packed_offsets(*basis);
  for (std::size_t d = 0; d < digits; ++d) {
    expanded.b.push_back(EvalPoly::uninitialised(basis));
    expanded.a.push_back(EvalPoly::uninitialised(basis));
  }
  parallel_for(digits * limbs, [&](std::size_t task) {
    const std::size_t d = task / limbs, l = task % limbs;
    const ring::Modulus& q = basis->modulus(l);
    ring::kernels().unpack(expanded.b[d].limb(l), key.packed.get() + d * offsets.back() + offsets[l], q.bits(), n,
                           q.value());
    UniformWords(key.seed).make({expanded.a[d].limb(l), n}, q, d, l);
  });
  return expanded;
}

void make_evaluation_keys(const SecretKey& secret, const KeyRequest& request, KeyForm form, const UseKey& use) {
  const KeyRequest* wanted = &request;
  const SecretKey* larger = nullptr;
  unsigned ring = 0;
  for (const SecretKey* own = &secret; own != nullptr; larger = own, own = own->smaller(), ++ring) {
    make_ring_keys(*own, larger, *wanted, form, ring, use);
    if (own->smaller() == nullptr && !wanted->smaller.empty()) {
      throw InvalidArgument("keys for more rings than the parameters name");
    }
    wanted = &wanted->next();
  }
}

EvaluationKeys make_evaluation_keys(const SecretKey& secret, const KeyRequest& request, KeyForm form) {
  EvaluationKeys keys = empty_keys(secret.context());
  make_evaluation_keys(secret, request, form,
                       [&](const KeyId& id, KeySwitchKey key) { slot_for(keys, id) = std::move(key); });
  return keys;
}

EvaluationKeys empty_keys(const ContextPtr& context) {
  EvaluationKeys keys;
  keys.context = context;
  if (context->smaller()) {
    keys.smaller.push_back(empty_keys(context->smaller()));
    keys.smaller.front().from_larger.emplace();
  }
  return keys;
}

KeySwitchKey& slot_for(EvaluationKeys& keys, const KeyId& id) {
  EvaluationKeys* own = &keys;
  for (unsigned i = 0; i < id.ring; ++i) own = &own->smaller.front();
  switch (id.kind) {
    case KeyKind::kEven:
      return own->from_larger->even;
    case KeyKind::kOdd:
      return own->from_larger->odd;
    case KeyKind::kRelinearisation:
      return own->relinearisation[id.galois.special_limbs];
    case KeyKind::kGalois:
      return own->galois[id.galois];
  }
  throw InvalidArgument("a key of no kind");
}

void require_keys(const EvaluationKeys& keys, const KeyRequest& request) {
  const auto require = [](const KeySwitchKey* key, unsigned level, const std::string& name) {
    if (!key) throw KeyMismatch("the evaluation keys hold no " + name + ": run keygen on this model's manifest");
    if (key->level < level) {
      throw KeyMismatch("the " + name + " is of level " + std::to_string(key->level) + ", needed at " +
                        std::to_string(level) + ": run keygen on this model's manifest");
    }
  };
  const KeyLevels wanted = key_levels(*keys.context, request);
  for (const auto& [special_limbs, level] : wanted.relinearisation) {
    const auto it = keys.relinearisation.find(special_limbs);
    require(it == keys.relinearisation.end() ? nullptr : &it->second, level,
            "relinearisation key for " + std::to_string(special_limbs) + " special limbs");
  }
  for (const auto& [id, level] : wanted.galois) {
    const auto it = keys.galois.find(id);
    require(it == keys.galois.end() ? nullptr : &it->second, level,
            "Galois key of element " + std::to_string(id.element) + " for " + std::to_string(id.special_limbs) +
                " special limbs");
  }
  if (keys.context->smaller() && keys.smaller.empty()) {
    throw KeyMismatch("the evaluation keys hold none for the smaller ring: run keygen on this model's manifest");
  }
  if (!request.smaller.empty()) {
    if (keys.smaller.empty()) throw KeyMismatch("the evaluation keys are for a single ring");
    require_keys(keys.smaller.front(), request.smaller.front());
  }
}

}  // namespace blindsight::ckks
