// What a program takes in memory while it runs, how its keys lie there, and which weights are worth keeping encoded.
#pragma once

#include <cstddef>
#include <vector>

#include "blindsight/compiler/program.h"

namespace blindsight::compiler {

/// Bytes, by what they hold.
struct MemoryPlan {
  std::size_t keys = 0;         ///< evaluation keys, in this form
  std::size_t program = 0;      ///< weights as the plan has them
  std::size_t working = 0;      ///< ciphertexts and temporaries, where the program has the most of them
  std::size_t weights = 0;      ///< encoded weights that are kept
  std::size_t all_weights = 0;  ///< what they would be if all were kept
  ckks::KeyForm key_form = ckks::KeyForm::kPacked;
  bool release_keys =
      false;               ///< mapped keys are dropped from memory after every operation: `keys` counts the largest's
  std::vector<bool> kept;  ///< by operation: its weights are encoded once; the others whenever they are used

  std::size_t total() const { return keys + program + working + weights; }
};

/// Keys are packed unless they are small: expanded ones are quicker to use, but 2.6 times as large. Then chooses the
/// weights to keep: those that save the most encoding a byte, as long as the total stays within `budget` bytes (0: no
/// limit). Program and working memory are needed whatever the budget; packed keys are read from their file again and
/// again where they don't fit.
MemoryPlan plan_memory(const Program& program, const ckks::Context& context, std::size_t budget);

}  // namespace blindsight::compiler
