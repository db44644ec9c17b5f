// How fast a machine does what work.h counts.
#pragma once

#include "blindsight/compiler/work.h"

namespace blindsight::compiler {

/// Nanoseconds each, on every one of so many threads that do the same beside it. Products, sums and conversions have
/// their operands in a core's caches; what memory adds is apart.
struct Rates {
  int threads = 1;
  double butterfly = 0;
  double key_product = 0;
  double weight_product = 0;
  double sum = 0;
  double conversion = 0;
  double pass = 0;
  double packed = 0;
  double embedding = 0;
  double unpacked = 0;
  double drawn = 0;
  double key_word = 0;     ///< more than in a cache, for a word of a key in memory
  double weight_word = 0;  ///< the same for a word of a weight
  double loop = 0;         ///< to start a parallel loop and to wait for its end

  // For the floor.
  double multiply_add = 0;  ///< a sum of products with everything in the first cache: what the multiplier allows
  double memory_byte = 0;   ///< read in order
};

/// Rates by which layouts and splits are compared, so that a network compiles to the same program wherever it is
/// compiled: those measured on one Zen 4 core (AVX-512-IFMA) at N = 2^14.
const Rates& reference_rates();

/// Measured here, with the ring and the number of primes of this context: some tens of milliseconds the first time,
/// then remembered. Minima of a few runs. `threads` at most thread_count().
const Rates& measured_rates(const ckks::Context& context, int threads);

/// What the phases take, in nanoseconds, at rates for so many threads.
double nanoseconds(const Phases& phases, const Rates& rates);
/// The work alone, on one of the threads.
double nanoseconds(const Work& work, const Rates& rates);

}  // namespace blindsight::compiler
