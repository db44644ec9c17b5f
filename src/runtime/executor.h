// Runs a program on ciphertexts. Sees no image, no secret key.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "blindsight/ckks/evaluator.h"
#include "blindsight/compiler/memory.h"
#include "blindsight/compiler/program.h"

namespace blindsight::runtime {

/// When an operation ran, in seconds since the run began.
struct OpTime {
  std::size_t op = 0;
  double start = 0, seconds = 0;
};

/// A program with its weights encoded, as far as the budget goes. Immutable; run() may be called from several threads.
class Executor {
 public:
  /// Encodes the weights that compiler::plan_memory() keeps within `memory_budget` bytes in all (0: no limit).
  /// Throws InvalidArgument where the program is not valid.
  Executor(ckks::ContextPtr context, std::shared_ptr<const compiler::Program> program, std::size_t memory_budget = 0);
  /// Encodes what `memory`, of plan_memory(), says.
  Executor(ckks::ContextPtr context, std::shared_ptr<const compiler::Program> program, compiler::MemoryPlan memory);
  /// One image's ciphertexts in, the result's out. `times`, where given, receives an entry an operation.
  /// Throws KeyMismatch where a key is missing, InvalidArgument where the inputs' number, level or scale is not the
  /// program's.
  std::vector<ckks::Ciphertext> run(std::vector<ckks::Ciphertext> inputs, const ckks::EvaluationKeys& keys,
                                    std::vector<OpTime>* times = nullptr) const;
  const ckks::Context& context() const { return *rings_.front()->context; }
  const compiler::Program& program() const { return *program_; }
  const compiler::MemoryPlan& memory() const { return memory_; }

 private:
  void check(std::span<const ckks::Ciphertext> inputs, const ckks::EvaluationKeys& keys) const;
  /// What operations in one ring use.
  struct Ring {
    explicit Ring(ckks::ContextPtr of) : context(std::move(of)), encoder(context), evaluator(context) {}
    ckks::ContextPtr context;
    ckks::Encoder encoder;
    ckks::Evaluator evaluator;
  };
  void perform(std::size_t i, std::vector<ckks::Ciphertext>& values,
               std::span<const ckks::EvaluationKeys* const> keys) const;
  ckks::Plaintext encode_vector(const compiler::Op& op) const;

  std::shared_ptr<const compiler::Program> program_;
  std::vector<std::unique_ptr<const Ring>> rings_;  // the largest first
  compiler::MemoryPlan memory_;
  std::vector<std::optional<ckks::LinearMap>> maps_;     // by operation
  std::vector<std::optional<ckks::Plaintext>> vectors_;  // by operation, where kept
  std::vector<std::size_t> last_use_;                    // of every value: the last operation that reads or makes it
};

}  // namespace blindsight::runtime
