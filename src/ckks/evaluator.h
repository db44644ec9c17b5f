// Arithmetic on ciphertexts.
#pragma once

#include <span>
#include <vector>

#include "blindsight/ckks/keys.h"

namespace blindsight::ckks {

/// The digits of a ciphertext's second part over Q_level·P, computed once and used by all its rotations
/// (Halevi, Shoup 2018, section 4.2).
struct Hoisted {
  const Ciphertext* source = nullptr;  ///< must outlive this
  std::vector<ring::EvalPoly> digits;
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

  Ciphertext rotate(const Ciphertext& a, int k, const EvaluationKeys& keys) const;
  Ciphertext conjugate(const Ciphertext& a, const EvaluationKeys& keys) const;
  Hoisted hoist(const Ciphertext& a) const;
  Ciphertext rotate(const Hoisted& a, int k, const EvaluationKeys& keys) const;
  /// Σ_i plain[i]·cts[i], one reduction a word. All of one level; scales of the products must agree.
  Ciphertext dot_plain(std::span<const Ciphertext* const> cts, std::span<const Plaintext* const> plains) const;

 private:
  using Pair = std::pair<ring::EvalPoly, ring::EvalPoly>;
  std::vector<ring::EvalPoly> decompose(const ring::EvalPoly& part) const;
  Pair inner_product(std::span<const ring::EvalPoly> digits, const KeySwitchKey& key, unsigned level) const;
  ring::EvalPoly mod_down(ring::EvalPoly extended, unsigned level) const;
  Ciphertext apply_galois(const Ciphertext& a, std::span<const ring::EvalPoly> digits, std::uint32_t element,
                          const EvaluationKeys& keys) const;
  ContextPtr context_;
};

}  // namespace blindsight::ckks
