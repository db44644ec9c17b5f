// The client's side: pack and encrypt a tensor, decrypt and unpack the logits.
#pragma once

#include <span>
#include <vector>

#include "blindsight/ckks/encryptor.h"
#include "blindsight/compiler/plan.h"

namespace blindsight::runtime {

/// Slot values of a flattened input tensor. Throws InvalidArgument where it hasn't layout's number of elements.
std::vector<double> pack(const compiler::Layout& layout, std::span<const double> tensor, std::size_t elements);
/// Output vector from slot values.
std::vector<double> unpack(const compiler::Layout& layout, std::span<const double> slots, std::size_t elements);

/// Encrypts and decrypts for one manifest. Holds the encoder; the secret stays the caller's.
class Client {
 public:
  explicit Client(compiler::Manifest manifest);
  const compiler::Manifest& manifest() const { return manifest_; }
  const ckks::ContextPtr& context() const { return context_; }
  ckks::SeededCiphertext encrypt(const ckks::SecretKey& secret, std::span<const double> tensor) const;
  std::vector<double> decrypt(const ckks::SecretKey& secret, const ckks::Ciphertext& result) const;

 private:
  compiler::Manifest manifest_;
  ckks::ContextPtr context_;
  ckks::Encoder encoder_;
};

/// Probabilities from logits.
std::vector<double> softmax(std::span<const double> logits);

}  // namespace blindsight::runtime
