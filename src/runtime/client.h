// The client's side: pack and encrypt a tensor, decrypt and unpack the logits.
#pragma once

#include <span>
#include <vector>

#include "blindsight/ckks/encryptor.h"
#include "blindsight/compiler/plan.h"

namespace blindsight::runtime {

/// Slot values of a flattened input tensor, ciphertext after ciphertext. Throws InvalidArgument where it hasn't the
/// layout's number of elements.
std::vector<double> pack(const compiler::Layout& layout, std::span<const double> tensor, std::size_t elements);
/// Output vector from slot values; elements that stand in several slots are averaged.
std::vector<double> unpack(const compiler::Layout& layout, std::span<const double> slots, std::size_t elements);

/// What a result says.
struct Answer {
  std::vector<double> logits;
  bool real = true;      ///< else made with other keys, or values left the plan's modulus on the way
  bool in_range = true;  ///< no logit is beyond the manifest's bound
  bool plausible() const { return real && in_range; }
};

/// Encrypts and decrypts for one manifest. Holds the encoder; the secret stays the caller's.
class Client {
 public:
  explicit Client(compiler::Manifest manifest);
  const compiler::Manifest& manifest() const { return manifest_; }
  const ckks::ContextPtr& context() const { return context_; }
  /// Of the ring that results are in.
  const ckks::ContextPtr& output_context() const { return output_context_; }
  /// Ciphertexts that one image takes.
  std::size_t input_ciphertexts() const { return manifest_.input.element.size() / context_->slots(); }
  /// Ciphertexts of one image's result.
  std::size_t output_ciphertexts() const { return manifest_.output.element.size() / output_context_->slots(); }
  std::vector<ckks::SeededCiphertext> encrypt(const ckks::SecretKey& secret, std::span<const double> tensor) const;
  /// The one of the ring that results are in.
  const ckks::SecretKey& output_secret(const ckks::SecretKey& secret) const;
  /// Throws InvalidArgument unless it gets output_ciphertexts() of them. An answer that is not plausible says nothing
  /// of the image but that.
  Answer answer(const ckks::SecretKey& secret, std::span<const ckks::Ciphertext> results) const;
  /// Its logits.
  std::vector<double> decrypt(const ckks::SecretKey& secret, std::span<const ckks::Ciphertext> results) const;

 private:
  compiler::Manifest manifest_;
  ckks::ContextPtr context_, output_context_;
  ckks::Encoder encoder_, decoder_;
};

/// The server's first step.
std::vector<ckks::Ciphertext> expand(const ckks::Context& context, std::span<const ckks::SeededCiphertext> inputs);

/// Probabilities from logits.
std::vector<double> softmax(std::span<const double> logits);

}  // namespace blindsight::runtime
