// The least time that some work can take on this machine: its multiplications at the multiplier's rate, and what the
// caches can't hold of keys and weights at the memory's, whichever takes longer. How far a run is above it is what
// better code could still gain.
#pragma once

#include "blindsight/compiler/rates.h"

namespace blindsight::compiler {

struct Floor {
  double multiply_adds = 0;  ///< of words, those that transforms come to included
  double bytes = 0;          ///< of keys, in the form in which they lie in memory, and of encoded weights; each once
  double compute_ms = 0;
  double memory_ms = 0;
  double ms() const { return compute_ms > memory_ms ? compute_ms : memory_ms; }
};

/// On as many threads as the rates are for. `key_bits`: width of a word of a packed key, on average.
Floor floor_of(const Work& work, const Rates& rates, double key_bits);

/// Of one run of the program.
Floor floor_of(const Program& program, const ckks::Context& context, const MemoryPlan& memory, const Rates& rates);

/// The mean width of the context's primes.
double mean_bits(const ckks::Context& context);

}  // namespace blindsight::compiler
