// Arithmetic on ciphertexts.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "blindsight/ckks/key_switching.h"
#include "blindsight/ckks/keys.h"

namespace blindsight::ckks {

/// The digits of a ciphertext's second part over Q_level·P, computed once and used by all its rotations
/// (Halevi, Shoup 2018, section 4.2).
struct Hoisted {
  const Ciphertext* source = nullptr;  ///< must outlive this
  std::vector<ring::EvalPoly> digits;
};

/// P times a ciphertext, over Q_level·P: where sums of rotations stay until one ModDown serves them all ("double
/// hoisting": Bossuat, Mouchet, Troncoso-Pastoriza, Hubaux 2021, section 4.2).
struct ExtendedCiphertext {
  ring::EvalPoly body, mask;
  double scale = 1;
  unsigned level = 0;
};

/// Stateless apart from the context. Every method throws InvalidArgument where levels or scales don't fit, KeyMismatch
/// where a key is absent.
class Evaluator {
 public:
  explicit Evaluator(ContextPtr context);
  const ContextPtr& context() const { return context_; }

  Ciphertext add(const Ciphertext& a, const Ciphertext& b) const;
  Ciphertext sub(const Ciphertext& a, const Ciphertext& b) const;
  void add_inplace(Ciphertext& a, const Ciphertext& b) const;
  void sub_inplace(Ciphertext& a, const Ciphertext& b) const;
  void negate_inplace(Ciphertext& a) const;
  void add_plain_inplace(Ciphertext& a, const Plaintext& b) const;
  void mul_plain_inplace(Ciphertext& a, const Plaintext& b) const;

  /// Three parts; scales multiply.
  Ciphertext multiply(const Ciphertext& a, const Ciphertext& b) const;
  Ciphertext square(const Ciphertext& a) const;
  /// Three parts to two.
  void relinearise_inplace(Ciphertext& a, const EvaluationKeys& keys) const;
  /// Divides by the last prime and drops it.
  void rescale_inplace(Ciphertext& a) const;
  void drop_to_level_inplace(Ciphertext& a, unsigned level) const;

  /// From the ring of twice the degree to this one: slot j becomes the mean of slots j and j + slots of `a`, whose
  /// level is at most this ring's highest. `keys` are this ring's.
  Ciphertext switch_ring(const Ciphertext& a, const EvaluationKeys& keys) const;

  Ciphertext rotate(const Ciphertext& a, int k, const EvaluationKeys& keys) const;
  Ciphertext conjugate(const Ciphertext& a, const EvaluationKeys& keys) const;
  /// a − X^(N/2)·rot_k(a): where a's slots are real, rot_k(a) in what their imaginary parts leave free. X^(N/2) is
  /// i·(−1)^j in slot j.
  Ciphertext with_rotation(const Ciphertext& a, int k, const EvaluationKeys& keys) const;
  Hoisted hoist(const Ciphertext& a) const;
  Ciphertext rotate(const Hoisted& a, int k, const EvaluationKeys& keys) const;
  ExtendedCiphertext extend(const Ciphertext& a) const;
  /// The digits of the second part after its ModDown. `a` must outlive the result's use.
  std::vector<ring::EvalPoly> hoist(const ExtendedCiphertext& a) const;
  ExtendedCiphertext rotate_extended(const Hoisted& a, int k, const EvaluationKeys& keys) const;
  /// Words [first, first + count) of limb l of that, all or a power of two of at least kUniformBlock, aligned: both
  /// halves, runs of ring::kPackedRun words `stride` words apart, with the rotation's key. `body` is limb l of P times
  /// the ciphertext's first part (unread modulo P, where it is 0); `scratch` has 2·count words.
  void rotate_extended_limb(std::uint64_t* const* out, std::size_t stride, const Hoisted& a, int k,
                            const KeySwitchKey& key, std::size_t l, std::size_t first, std::size_t count,
                            const std::uint64_t* body, std::uint64_t* scratch) const;
  /// out = P·a, `count` words of limb l of a level.
  void times_p(std::uint64_t* out, const std::uint64_t* a, unsigned level, std::size_t l, std::size_t count) const;
  /// acc += rot_k(a), `digits` from hoist(a).
  void add_rotated(ExtendedCiphertext& acc, const ExtendedCiphertext& a, std::span<const ring::EvalPoly> digits, int k,
                   const EvaluationKeys& keys) const;
  /// The same where this is the only rotation of `a`, whose limbs modulo P are overwritten: nothing is hoisted, the
  /// digits never reach memory.
  void add_rotated(ExtendedCiphertext& acc, ExtendedCiphertext& a, int k, const EvaluationKeys& keys) const;
  /// a += its conjugate.
  void add_conjugate(ExtendedCiphertext& a, const EvaluationKeys& keys) const;
  /// The key of a rotation, not by 0, that serves this level. Throws KeyMismatch where there is none.
  const KeySwitchKey& rotation_key(const EvaluationKeys& keys, int k, unsigned level) const;
  void add_inplace(ExtendedCiphertext& a, const ExtendedCiphertext& b) const;
  /// Σ_i plains[i]·cts[i] with plaintexts over Q_level·P at `plain_scale`, one reduction a word.
  ExtendedCiphertext dot_plain(std::span<const ExtendedCiphertext* const> cts,
                               std::span<const ring::EvalPoly* const> plains, double plain_scale) const;
  Ciphertext mod_down(const ExtendedCiphertext& a) const;

  /// Σ_i plain[i]·cts[i], one reduction a word. All of one level; scales of the products must agree.
  Ciphertext dot_plain(std::span<const Ciphertext* const> cts, std::span<const Plaintext* const> plains) const;

 private:
  const KeySwitchKey& relinearisation_key(const EvaluationKeys& keys, unsigned level) const;
  const KeySwitchKey& galois_key(const EvaluationKeys& keys, std::uint32_t element, unsigned level) const;
  Ciphertext apply_galois(const Ciphertext& a, std::uint32_t element, const EvaluationKeys& keys) const;
  Ciphertext finish_galois(const Ciphertext& a, KeySwitcher::Pair sums, std::uint32_t element) const;
  KeySwitcher::UseSums add_permuted(ExtendedCiphertext& acc, const ExtendedCiphertext& a, std::uint32_t element) const;
  ring::EvalPoly mod_down(const ring::EvalPoly& a, unsigned level) const;
  ContextPtr context_;
  std::shared_ptr<const KeySwitcher> switcher_;
};

}  // namespace blindsight::ckks
