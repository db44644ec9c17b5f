// The complex Fourier transform behind the encoder: split real and imaginary parts, vectors of doubles.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "blindsight/ring/aligned.h"

namespace blindsight::ckks {

struct FftView;

/// One implementation of the transform. Results of two of them agree to rounding, not to the bit.
struct FftKernel {
  std::string_view name;  ///< of the ring kernels that it goes with
  std::size_t lanes;      ///< of a vector of doubles
  void (*run)(const FftView& view, double* real, double* imag, double* out_real, double* out_imag);
  /// out[j], out[n + j]: the parts of x[j]·conj(twist[j])·factor, rounded to nearest; n a multiple of 8. Returns the
  /// largest size of a part, NaN where one is; from 2^62 on the output is not to be used.
  double (*round)(std::int64_t* out, const double* real, const double* imag, const double* twist_real,
                  const double* twist_imag, std::size_t n, double factor);
  /// The same parts as h[0 .. 2n) of f + Y^n·g, f and g alike with 1/Y for Y up to signs (f[j] = -f[2n - j], f[n] = 0):
  /// rounds f and g and gives the sum of those. Overwrites its input. Returns the largest size of a coefficient of f or
  /// g; unless it is below kMostPaired, NaN or it, and the output is not to be used.
  double (*round_pair)(std::int32_t* out, double* real, double* imag, const double* twist_real,
                       const double* twist_imag, std::size_t n, double factor);
  static constexpr double kMostPaired = 1 << 30;
};

/// The one that fits ring::kernels().
const FftKernel& fft_kernel();
/// Every one that this processor runs, fastest first.
std::span<const FftKernel* const> available_fft_kernels();

/// exp(2πi·index/size), both parts to the last bit or so.
std::pair<double, double> unit_root(std::size_t index, std::size_t size);

/// X[k] = Σ_j x[j]·ω^(jk), ω = exp(2πi/n), n a power of two. Immutable tables of one size.
///
/// n = L·M with L the lanes of a vector: lane l transforms the subsequence x[l + L·m] of length M, all lanes with the
/// same twiddles (radix 4, decimation in time); then a transposition brings together what a last butterfly of radix L
/// combines. The input is wanted in the order that `position` gives, the output comes in natural order.
class Fft {
 public:
  explicit Fft(std::size_t n, const FftKernel& kernel = fft_kernel());
  std::size_t size() const { return n_; }
  /// Where x[j] belongs in the arrays of `forward` and `inverse`.
  std::size_t position(std::size_t j) const;
  /// Arrays of n doubles, 64-byte aligned; overwrites its input; outputs are other arrays.
  void forward(double* real, double* imag, double* out_real, double* out_imag) const;
  /// With ω^-(jk), not divided by n.
  void inverse(double* real, double* imag, double* out_real, double* out_imag) const {
    forward(imag, real, out_imag, out_real);  // conjugation swaps the parts, up to a factor i on both sides
  }

 private:
  const FftKernel* kernel_;
  std::size_t n_, lanes_, inner_;
  unsigned log_inner_;
  ring::AlignedVector<double> inner_twiddles_, last_twiddles_;
};

/// What a kernel reads of an Fft.
struct FftView {
  std::size_t inner;     ///< M
  bool odd_levels;       ///< log2 M is odd: the first pass has radix 2
  bool by_vectors;       ///< else L = 1
  const double* passes;  ///< pass after pass: for every j the parts of ω^j, ω^2j, ω^3j
  const double* last;    ///< block of L values of k after block: for l = 1 .. L - 1 the vectors of ω^(lk)'s parts
};

}  // namespace blindsight::ckks
