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

/// What a program needs. A key serves the levels that use as many special limbs as it was made for, up to its own.
struct KeyRequest {
  /// Special limbs → highest level used with so many. Levels that use different numbers need different keys.
  using Levels = std::map<unsigned, unsigned>;
  Levels relinearisation;
  std::map<int, Levels> rotations;  ///< rotation in slots to the left, in (-N/2, N/2), not 0
  Levels conjugation;

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
  std::shared_ptr<const MappedFile> file;  ///< where packed keys lie, unless they are in memory of their own

  /// Gives back the memory that a mapped file's pages take; they are read again when they are used.
  void release_pages() const {
    if (file) file->forget(file->bytes());
  }
};

/// The keys that a request comes to, each with its level: rotations that are one automorphism share a key. Throws
/// InvalidArgument for a rotation by 0, a level that is not there or one that uses another number of special limbs.
struct KeyLevels {
  std::map<unsigned, unsigned> relinearisation;
  std::map<GaloisKeyId, unsigned> galois;
};
KeyLevels key_levels(const Context& context, const KeyRequest& request);

PublicKey make_public_key(const SecretKey& secret);
EvaluationKeys make_evaluation_keys(const SecretKey& secret, const KeyRequest& request,
                                    KeyForm form = KeyForm::kExpanded);
/// The same, one key after the other in the order of EvaluationKeys, so that they need not be in memory together;
/// relinearisation keys have no id.
using UseKey = std::function<void(const std::optional<GaloisKeyId>& id, unsigned special_limbs, KeySwitchKey key)>;
void make_evaluation_keys(const SecretKey& secret, const KeyRequest& request, KeyForm form, const UseKey& use);
/// Throws KeyMismatch naming the first key that is absent or of too low a level.
void require_keys(const EvaluationKeys& keys, const KeyRequest& request);

}  // namespace blindsight::ckks
