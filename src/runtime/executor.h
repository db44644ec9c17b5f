// Runs a program on ciphertexts. Sees no image, no secret key.
#pragma once

#include <memory>
#include <vector>

#include "blindsight/ckks/evaluator.h"
#include "blindsight/compiler/program.h"

namespace blindsight::runtime {

/// A program with its weights encoded. Immutable; run() may be called from several threads.
class Executor {
 public:
  /// Encodes the weights. Throws InvalidArgument where the program is not valid.
  Executor(ckks::ContextPtr context, std::shared_ptr<const compiler::Program> program);
  /// Throws KeyMismatch where a key is missing, InvalidArgument where the input's level or scale is not the program's.
  ckks::Ciphertext run(const ckks::Ciphertext& input, const ckks::EvaluationKeys& keys) const;
  const compiler::Program& program() const { return *program_; }

 private:
  ckks::ContextPtr context_;
  std::shared_ptr<const compiler::Program> program_;
  std::vector<ckks::EncodedTransform> transforms_;  // by operation; empty where it is of another kind
  std::vector<ckks::Plaintext> vectors_;            // by operation
  std::vector<std::size_t> last_use_;               // of every value: the last operation that reads it
};

}  // namespace blindsight::runtime
