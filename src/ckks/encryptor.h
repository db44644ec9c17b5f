// Encryption and decryption.
#pragma once

#include "blindsight/ckks/keys.h"

namespace blindsight::ckks {

/// Secret-key encryption; half of the result is a seed.
SeededCiphertext encrypt(const SecretKey& secret, const Plaintext& plaintext);
/// Public-key encryption.
Ciphertext encrypt(const ContextPtr& context, const PublicKey& key, const Plaintext& plaintext);
/// Two or three parts. The result's slots carry the noise: see SECURITY.md before publishing them (IND-CPA^D).
Plaintext decrypt(const SecretKey& secret, const Ciphertext& ciphertext);

}  // namespace blindsight::ckks
