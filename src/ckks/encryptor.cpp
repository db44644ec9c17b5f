#include "blindsight/ckks/encryptor.h"

#include "blindsight/base/error.h"

namespace blindsight::ckks {

namespace {

using ring::EvalPoly;

EvalPoly truncated(EvalPoly poly, const ring::BasisPtr& basis) {
  poly.truncate(basis);
  return poly;
}

}  // namespace

Ciphertext expand(const Context& context, const SeededCiphertext& seeded) {
  Ciphertext result;
  result.scale = seeded.scale;
  result.parts.push_back(seeded.body);
  result.parts.push_back(sample_uniform(context.basis(seeded.level()), seeded.seed));
  return result;
}

SeededCiphertext encrypt(const SecretKey& secret, const Plaintext& plaintext) {
  const auto& basis = secret.context()->basis(plaintext.level());
  SeededCiphertext result{{}, random_seed(), plaintext.scale};
  EvalPoly s = truncated(secret.poly(), basis);
  result.body = sample_uniform(basis, result.seed);
  ring::mul_inplace(result.body, s);
  ring::negate_inplace(result.body);
  ring::add_inplace(result.body, fresh_error(basis));
  ring::add_inplace(result.body, plaintext.poly);
  s.wipe();
  return result;
}

Ciphertext encrypt(const ContextPtr& context, const PublicKey& key, const Plaintext& plaintext) {
  const auto& basis = context->basis(plaintext.level());
  Prng prng(random_seed());
  EvalPoly v = ring::to_eval(sample_ternary(basis, prng));
  Ciphertext result;
  result.scale = plaintext.scale;
  result.parts.push_back(truncated(key.b, basis));
  result.parts.push_back(sample_uniform(basis, key.seed));
  for (EvalPoly& part : result.parts) {
    ring::mul_inplace(part, v);
    ring::add_inplace(part, fresh_error(basis));
  }
  ring::add_inplace(result.parts[0], plaintext.poly);
  v.wipe();
  return result;
}

Plaintext decrypt(const SecretKey& secret, const Ciphertext& ciphertext) {
  if (ciphertext.parts.empty()) throw InvalidArgument("a ciphertext without parts");
  const auto& basis = ciphertext.parts[0].basis();
  EvalPoly s = truncated(secret.poly(), basis);
  EvalPoly result = ciphertext.parts.back();
  for (std::size_t i = ciphertext.parts.size() - 1; i-- > 0;) {  // Horner in s
    ring::mul_inplace(result, s);
    ring::add_inplace(result, ciphertext.parts[i]);
  }
  s.wipe();
  return {std::move(result), ciphertext.scale};
}

}  // namespace blindsight::ckks
