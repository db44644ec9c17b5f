#include "blindsight/ckks/simd/fft_generic.h"

namespace blindsight::ckks::simd {

const FftKernel& portable_fft_kernel() {
  static constinit const FftKernel kernel = make_fft_kernel<2>("portable");
  return kernel;
}

}  // namespace blindsight::ckks::simd
