// Plaintexts and ciphertexts: polynomials with a level and a scale.
#pragma once

#include <vector>

#include "blindsight/ckks/parameters.h"
#include "blindsight/ckks/sampling.h"

namespace blindsight::ckks {

/// An encoded vector: an element of Z_Q[X]/(X^N+1) whose slots are the values times `scale`.
struct Plaintext {
  ring::EvalPoly poly;
  double scale = 1;
  unsigned level() const { return static_cast<unsigned>(poly.limbs()) - 1; }
};

/// Decrypts to parts[0] + parts[1]·s (+ parts[2]·s² before relinearisation). Slots are the values times `scale`.
struct Ciphertext {
  std::vector<ring::EvalPoly> parts;
  double scale = 1;
  unsigned level() const { return static_cast<unsigned>(parts[0].limbs()) - 1; }
};

/// A fresh secret-key encryption whose second half is a seed: what the client sends.
struct SeededCiphertext {
  ring::EvalPoly body;
  Seed seed;
  double scale = 1;
  unsigned level() const { return static_cast<unsigned>(body.limbs()) - 1; }
};

/// Expands the seed.
Ciphertext expand(const Context& context, const SeededCiphertext& seeded);

}  // namespace blindsight::ckks
