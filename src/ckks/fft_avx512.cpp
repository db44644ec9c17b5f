#include "blindsight/ckks/simd/fft_generic.h"

namespace blindsight::ckks::simd {

const FftKernel& avx512_fft_kernel() {
  static constinit const FftKernel kernel = make_fft_kernel<8>("ifma");
  return kernel;
}

}  // namespace blindsight::ckks::simd
