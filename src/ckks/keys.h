// Secret, public and evaluation keys.
#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "blindsight/base/file.h"
#include "blindsight/ckks/ciphertext.h"

namespace blindsight::ckks {

/// A uniform ternary secret, and one for every smaller ring. Wiped on destruction; can't be copied by accident.
class SecretKey {
 public:
  explicit SecretKey(ContextPtr context);
  /// From coefficients in {-1, 0, 1}, N of them, and the secret of the next smaller ring where there is one. Throws
  /// FormatError.
  SecretKey(ContextPtr context, std::span<const std::int8_t> coefficients,
            std::unique_ptr<SecretKey> smaller = nullptr);
  ~SecretKey();
  SecretKey(SecretKey&&) = default;
  SecretKey& operator=(SecretKey&&) = default;
  const ContextPtr& context() const { return context_; }
  /// s over Q·P.
  const ring::EvalPoly& poly() const { return poly_; }
  std::vector<std::int8_t> coefficients() const;
  /// Of the next smaller ring; null where there is none.
  const SecretKey* smaller() const { return smaller_.get(); }

 private:
  ContextPtr context_;
  ring::EvalPoly poly_;
  std::unique_ptr<SecretKey> smaller_;
};

/// An encryption of zero under the secret key: (b, a), a from `seed`.
struct PublicKey {
  ring::EvalPoly b;
  Seed seed;
};

/// How a key lies in memory. The results are the same.
enum class KeyForm {
  kPacked,    ///< as in its file: b without gaps, a as its seed; unpacked and expanded whenever it is used
  kExpanded,  ///< whole words: about 2.6 times the bytes
};

/// Hybrid key-switching key (Han, Ki 2020): for every digit i an encryption (b_i, a_i) over extended_basis(level) of
/// P·(Q_level/digit_i)-gadget times the old secret; a_i expand from `seed`, stream i. Serves the levels up to its own
/// that use as many special limbs.
struct KeySwitchKey {
  unsigned level = 0;
  Seed seed;
  /// Expanded.
  std::vector<ring::EvalPoly> b;
  std::vector<ring::EvalPoly> a;
  /// Or else all b_i, one after the other, each limb after limb, words of as many bits as the prime has; owns what it
  /// points to, which may be a part of a file.
  std::shared_ptr<const std::uint8_t> packed;
};

/// Where the limbs of a packed polynomial start, and the end of the last.
std::vector<std::size_t> packed_offsets(const ring::Basis& basis);
/// Bytes of all b_i of a packed key.
std::size_t packed_key_bytes(const Context& context, unsigned level);
/// The same key with its words in memory; itself where they are.
KeySwitchKey expand(const KeySwitchKey& key, const Context& context);
/// Limb of a key's extended basis that is limb l of this level's.
inline std::size_t key_limb(const KeySwitchKey& key, unsigned level, std::size_t l) {
  return l <= level ? l : l + (key.level - level);
}

/// Leads from a ring to the next smaller one: from s(X) = s_even(X²) + X·s_odd(X²) to that ring's secret, two keys of
/// its highest level.
struct RingSwitchKey {
  KeySwitchKey even, odd;
};

/// What a program needs in one ring and in the smaller ones. A key serves the levels that use as many special limbs as
/// it was made for, up to its own. Keys that lead from ring to ring go without saying.
struct KeyRequest {
  /// Special limbs → highest level used with so many. Levels that use different numbers need different keys.
  using Levels = std::map<unsigned, unsigned>;
  Levels relinearisation;
  std::map<int, Levels> rotations;  ///< rotation in slots to the left, in (-N/2, N/2), not 0
  Levels conjugation;
  std::vector<KeyRequest> smaller;  ///< the next smaller ring's, or none

  /// The request of the ring that is so many steps smaller; made where it is not there.
  KeyRequest& in_ring(unsigned steps);
  /// The next smaller ring's; an empty one where there is none.
  const KeyRequest& next() const;
  /// Make sure that the keys serve this level. A rotation by 0 needs none.
  void want_relinearisation(const ParametersLiteral& parameters, unsigned level);
  void want_rotation(const ParametersLiteral& parameters, int k, unsigned level);
  void want_conjugation(const ParametersLiteral& parameters, unsigned level);
  bool operator==(const KeyRequest&) const = default;
};

/// Which Galois key: the element, and the special limbs that it was made for.
struct GaloisKeyId {
  std::uint32_t element = 1;
  unsigned special_limbs = 0;
  auto operator<=>(const GaloisKeyId&) const = default;
};

/// The keys that a server gets.
struct EvaluationKeys {
  ContextPtr context;
  std::map<unsigned, KeySwitchKey> relinearisation;  ///< by special limbs
  std::map<GaloisKeyId, KeySwitchKey> galois;
  std::optional<RingSwitchKey> from_larger;  ///< where this is a smaller ring
  std::vector<EvaluationKeys> smaller;       ///< the next smaller ring's, or none
  std::shared_ptr<const MappedFile> file;    ///< where packed keys lie, unless they are in memory of their own

  /// Gives back the memory that a mapped file's pages take; they are read again when they are used.
  void release_pages() const {
    if (file) file->forget(file->bytes());
  }
};

/// The keys of one ring that a request comes to, each with its level: rotations that are one automorphism share a key.
/// Throws InvalidArgument for a rotation by 0, a level that is not there or one that uses another number of special
/// limbs.
struct KeyLevels {
  std::map<unsigned, unsigned> relinearisation;
  std::map<GaloisKeyId, unsigned> galois;
};
KeyLevels key_levels(const Context& context, const KeyRequest& request);

PublicKey make_public_key(const SecretKey& secret);
EvaluationKeys make_evaluation_keys(const SecretKey& secret, const KeyRequest& request,
                                    KeyForm form = KeyForm::kExpanded);
/// The same, one key after the other in the order of their file, so that they need not be in memory together.
enum class KeyKind { kEven, kOdd, kRelinearisation, kGalois };
struct KeyId {
  unsigned ring = 0;  ///< steps from the largest
  KeyKind kind = KeyKind::kRelinearisation;
  GaloisKeyId galois;  ///< its element only of a Galois key
};
using UseKey = std::function<void(const KeyId& id, KeySwitchKey key)>;
/// Without keys, in all rings of the context.
EvaluationKeys empty_keys(const ContextPtr& context);
/// Where a key belongs, made where it is not there yet. The keys must have that ring.
KeySwitchKey& slot_for(EvaluationKeys& keys, const KeyId& id);
void make_evaluation_keys(const SecretKey& secret, const KeyRequest& request, KeyForm form, const UseKey& use);
/// Throws KeyMismatch naming the first key that is absent or of too low a level.
void require_keys(const EvaluationKeys& keys, const KeyRequest& request);

}  // namespace blindsight::ckks
