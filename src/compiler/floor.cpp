#include "blindsight/compiler/floor.h"

#include <unistd.h>

#include <algorithm>

#include "blindsight/ring/kernels.h"

namespace blindsight::compiler {

namespace {

/// Multiplications of a butterfly over those of a multiply-add: with 52-bit multipliers three over two, in double
/// precision four over two, else no less than one over one.
double multiply_adds_of_a_butterfly() {
  const std::string_view isa = ring::kernels().name;
  return isa == "ifma" ? 1.5 : isa == "avx2" ? 2 : 1;
}

/// What may stay in it from one run to the next; where the system doesn't say, as much as any processor has.
double last_cache_bytes() {
  const long bytes = sysconf(_SC_LEVEL3_CACHE_SIZE);
  return bytes > 0 ? static_cast<double>(bytes) : 0x1p30;
}

}  // namespace

Floor floor_of(const Work& work, const Rates& rates, double key_bits) {
  Floor floor;
  floor.multiply_adds =
      work.key_products + work.weight_products + work.conversions + work.butterflies * multiply_adds_of_a_butterfly();
  floor.bytes = (work.key_words + work.weight_words) * 8 + work.unpacked * key_bits / 8;
  const double each = 1e-6 / rates.threads;
  floor.compute_ms = floor.multiply_adds * rates.multiply_add * each;
  floor.memory_ms = std::max(0.0, floor.bytes - last_cache_bytes()) * rates.memory_byte * each;
  return floor;
}

Floor floor_of(const Program& program, const ckks::Context& context, const MemoryPlan& memory, const Rates& rates) {
  Work sum;
  for (const Phases& phases : work_of(program, context, memory)) sum += total(phases);
  return floor_of(sum, rates, mean_bits(context));
}

double mean_bits(const ckks::Context& context) {
  return (context.log_q() + context.log_p()) / static_cast<double>(context.full_basis()->size());
}

}  // namespace blindsight::compiler
