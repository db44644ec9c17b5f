#include "blindsight/ckks/simd/fft_generic.h"

namespace blindsight::ckks::simd {

const FftKernel& avx2_fft_kernel() {
  static constinit const FftKernel kernel = make_fft_kernel<4>("avx2");
  return kernel;
}

}  // namespace blindsight::ckks::simd
