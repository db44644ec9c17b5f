#include "blindsight/ckks/fft.h"

#include <bit>
#include <cmath>
#include <numbers>
#include <string>
#include <utility>

#include "blindsight/base/error.h"
#include "blindsight/ckks/simd/fft_generic.h"
#include "blindsight/ring/kernels.h"

namespace blindsight::ckks {

std::span<const FftKernel* const> available_fft_kernels() {
  static const std::vector<const FftKernel*> available = [] {
    std::vector<const FftKernel*> found;
    for (const ring::Kernels* k : ring::available_kernels()) {
#ifdef BLINDSIGHT_X86
      if (k->name == simd::avx512_fft_kernel().name) found.push_back(&simd::avx512_fft_kernel());
      if (k->name == simd::avx2_fft_kernel().name) found.push_back(&simd::avx2_fft_kernel());
#endif
      if (k->name == simd::portable_fft_kernel().name) found.push_back(&simd::portable_fft_kernel());
    }
    return found;
  }();
  return available;
}

const FftKernel& fft_kernel() {
  for (const FftKernel* kernel : available_fft_kernels()) {
    if (kernel->name == ring::kernels().name) return *kernel;
  }
  return simd::portable_fft_kernel();
}

/// The angle is brought into [0, π/4] first.
std::pair<double, double> unit_root(std::size_t index, std::size_t size) {
  index %= size;
  if (8 * index > size) {
    if (2 * index > size) {
      const auto [re, im] = unit_root(size - index, size);
      return {re, -im};
    }
    if (4 * index > size) {
      const auto [re, im] = unit_root(size / 2 - index, size);  // index <= size / 2
      return {-re, im};
    }
    const auto [re, im] = unit_root(size / 4 - index, size);
    return {im, re};
  }
  const double angle = 2 * std::numbers::pi * static_cast<double>(index) / static_cast<double>(size);
  return {std::cos(angle), std::sin(angle)};
}

Fft::Fft(std::size_t n, const FftKernel& kernel) : kernel_(&kernel), n_(n) {
  if (!std::has_single_bit(n)) throw InvalidArgument("a Fourier transform of size " + std::to_string(n));
  lanes_ = n >= kernel.lanes * kernel.lanes ? kernel.lanes : 1;
  inner_ = n / lanes_;
  log_inner_ = static_cast<unsigned>(std::countr_zero(inner_));
  for (std::size_t h = log_inner_ % 2 == 1 ? 2 : 1; h < inner_; h *= 4) {
    for (std::size_t j = 0; j < h; ++j) {
      for (std::size_t power = 1; power <= 3; ++power) {
        const auto [re, im] = unit_root(power * j, 4 * h);
        inner_twiddles_.push_back(re);
        inner_twiddles_.push_back(im);
      }
    }
  }
  last_twiddles_.reserve(2 * (lanes_ - 1) * inner_);
  for (std::size_t block = 0; block < inner_; block += lanes_) {
    for (std::size_t l = 1; l < lanes_; ++l) {
      for (std::size_t k = block; k < block + lanes_; ++k) last_twiddles_.push_back(unit_root(l * k, n).first);
      for (std::size_t k = block; k < block + lanes_; ++k) last_twiddles_.push_back(unit_root(l * k, n).second);
    }
  }
}

std::size_t Fft::position(std::size_t j) const {
  std::size_t reversed = 0;
  for (std::size_t m = j / lanes_, bit = 0; bit < log_inner_; ++bit) reversed = 2 * reversed + (m >> bit & 1);
  return reversed * lanes_ + j % lanes_;
}

void Fft::forward(double* real, double* imag, double* out_real, double* out_imag) const {
  kernel_->run({inner_, log_inner_ % 2 == 1, lanes_ > 1, inner_twiddles_.data(), last_twiddles_.data()}, real, imag,
               out_real, out_imag);
}

}  // namespace blindsight::ckks
