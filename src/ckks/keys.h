// Secret, public and evaluation keys.
#pragma once

#include <map>
#include <optional>
#include <vector>

#include "blindsight/ckks/ciphertext.h"

namespace blindsight::ckks {

/// A uniform ternary secret. Wiped on destruction; can't be copied by accident.
class SecretKey {
 public:
  explicit SecretKey(ContextPtr context);
  /// From coefficients in {-1, 0, 1}, N of them. Throws FormatError.
  SecretKey(ContextPtr context, std::span<const std::int8_t> coefficients);
  ~SecretKey();
  SecretKey(SecretKey&&) = default;
  SecretKey& operator=(SecretKey&&) = default;
  const ContextPtr& context() const { return context_; }
  /// s over Q·P.
  const ring::EvalPoly& poly() const { return poly_; }
  std::vector<std::int8_t> coefficients() const;

 private:
  ContextPtr context_;
  ring::EvalPoly poly_;
};

/// An encryption of zero under the secret key: (b, a), a from `seed`.
struct PublicKey {
  ring::EvalPoly b;
  Seed seed;
};

/// Hybrid key-switching key (Han, Ki 2020): for every digit i an encryption (b_i, a_i) over Q_level·P of
/// P·(Q_level/digit_i)-gadget times the old secret; a_i expand from `seed`, stream i.
struct KeySwitchKey {
  unsigned level = 0;
  Seed seed;
  std::vector<ring::EvalPoly> b;
  std::vector<ring::EvalPoly> a;
};

/// What a program needs: each entry gives the highest level at which that key is used.
struct KeyRequest {
  std::optional<unsigned> relinearisation;
  std::map<int, unsigned> rotations;  ///< rotation in slots to the left, in (-N/2, N/2), not 0
  std::optional<unsigned> conjugation;
  bool operator==(const KeyRequest&) const = default;
};

/// The keys that a server gets. Maps Galois elements to keys.
struct EvaluationKeys {
  ContextPtr context;
  std::optional<KeySwitchKey> relinearisation;
  std::map<std::uint32_t, KeySwitchKey> galois;
};

PublicKey make_public_key(const SecretKey& secret);
EvaluationKeys make_evaluation_keys(const SecretKey& secret, const KeyRequest& request);
/// Throws KeyMismatch naming the first key that is absent or of too low a level.
void require_keys(const EvaluationKeys& keys, const KeyRequest& request);

}  // namespace blindsight::ckks
