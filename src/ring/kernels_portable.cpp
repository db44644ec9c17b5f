#include "blindsight/ring/simd/generic.h"
#include "blindsight/ring/simd/word.h"

namespace blindsight::ring::simd {

const Kernels& portable_kernels() {
  static constinit const Kernels table = make_kernels<WordPolicy>("portable");
  return table;
}

}  // namespace blindsight::ring::simd
