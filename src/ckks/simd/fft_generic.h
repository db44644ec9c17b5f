// The transform of fft.h over GCC's vector types of kBytes bytes. Included by one file an instruction set, which are
// built with different flags: everything here has internal linkage and uses no library.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

#include "blindsight/ckks/fft.h"

namespace blindsight::ckks {
namespace {

using std::size_t;

template <size_t kLanes>
struct Lanes {
  typedef double Vector __attribute__((vector_size(kLanes * sizeof(double))));
  typedef std::int64_t Integers __attribute__((vector_size(kLanes * sizeof(double))));
  typedef std::int32_t Halves __attribute__((vector_size(kLanes * sizeof(double))));
  static Vector splat(double x) { return Vector{} + x; }
  static Vector reverse(Vector x) { return reverse(x, std::make_index_sequence<kLanes>{}); }
  template <size_t... i>
  static Vector reverse(Vector x, std::index_sequence<i...>) {
    return __builtin_shufflevector(x, x, (kLanes - 1 - i)...);
  }
  /// Any alignment.
  static Vector load_any(const double* p) {
    Vector x;
    __builtin_memcpy(&x, p, sizeof x);
    return x;
  }
  /// Integers below 2^31 in size, to any alignment.
  static void store_narrow(std::int32_t* p, Vector x) { store_narrow(p, x, std::make_index_sequence<kLanes>{}); }
  template <size_t... i>
  static void store_narrow(std::int32_t* p, Vector x, std::index_sequence<i...>) {
    const Halves wide = reinterpret_cast<Halves>(x + splat(0x1.8p52));  // each in the lower half of a mantissa
    const auto narrow = __builtin_shufflevector(wide, wide, (2 * i)...);
    __builtin_memcpy(p, &narrow, sizeof narrow);
  }
  /// The lower halves of both, lane by lane in turn, and the upper halves.
  static void interleave(Vector& a, Vector& b) { interleave(a, b, std::make_index_sequence<kLanes>{}); }
  template <size_t... i>
  static void interleave(Vector& a, Vector& b, std::index_sequence<i...>) {
    const Vector x = a;
    a = __builtin_shufflevector(x, b, (i / 2 + i % 2 * kLanes)...);
    b = __builtin_shufflevector(x, b, (i / 2 + i % 2 * kLanes + kLanes / 2)...);
  }
};

template <>
struct Lanes<1> {
  using Vector = double;
  static double splat(double x) { return x; }
  static void interleave(double&, double&) {}
};

template <size_t kLanes>
struct Complex {
  using L = Lanes<kLanes>;
  using V = typename L::Vector;
  V re, im;

  static Complex load(const double* re, const double* im) {
    return {*reinterpret_cast<const V*>(re), *reinterpret_cast<const V*>(im)};
  }
  void store(double* r, double* i) const {
    *reinterpret_cast<V*>(r) = re;
    *reinterpret_cast<V*>(i) = im;
  }
  Complex operator+(Complex b) const { return {re + b.re, im + b.im}; }
  Complex operator-(Complex b) const { return {re - b.re, im - b.im}; }
  Complex operator*(Complex b) const { return {re * b.re - im * b.im, re * b.im + im * b.re}; }
  Complex times(double r, double i) const {
    return {re * L::splat(r) - im * L::splat(i), re * L::splat(i) + im * L::splat(r)};
  }
  Complex times_i() const { return {-im, re}; }
};

/// Combines transforms of length h into ones of length 4h. Sub-blocks stand in bit-reversed order: 0, 2, 1, 3.
template <size_t kLanes>
void radix4_pass(double* real, double* imag, size_t inner, size_t h, const double* twiddles) {
  using C = Complex<kLanes>;
  for (size_t start = 0; start < inner; start += 4 * h) {
    const double* w = twiddles;
    for (size_t j = start; j < start + h; ++j, w += 6) {
      double* const re = real + j * kLanes;
      double* const im = imag + j * kLanes;
      const size_t step = h * kLanes;
      const C a = C::load(re, im);
      const C c = C::load(re + step, im + step).times(w[2], w[3]);
      const C b = C::load(re + 2 * step, im + 2 * step).times(w[0], w[1]);
      const C d = C::load(re + 3 * step, im + 3 * step).times(w[4], w[5]);
      const C even = a + c, even_odd = a - c, odd = b + d, odd_odd = (b - d).times_i();
      (even + odd).store(re, im);
      (even_odd + odd_odd).store(re + step, im + step);
      (even - odd).store(re + 2 * step, im + 2 * step);
      (even_odd - odd_odd).store(re + 3 * step, im + 3 * step);
    }
  }
}

template <size_t kLanes>
void radix2_pass(double* real, double* imag, size_t inner) {
  using C = Complex<kLanes>;
  for (size_t j = 0; j < inner * kLanes; j += 2 * kLanes) {
    const C a = C::load(real + j, imag + j), b = C::load(real + j + kLanes, imag + j + kLanes);
    (a + b).store(real + j, imag + j);
    (a - b).store(real + j + kLanes, imag + j + kLanes);
  }
}

/// A transform of length kSize (1, 2, 4 or 8) over vectors x[0], x[kStride] ..., natural order in and out.
template <size_t kSize, size_t kStride, typename C>
[[gnu::always_inline]] inline void small_transform(const C* x, C* out) {
  if constexpr (kSize == 1) {
    out[0] = x[0];
  } else {
    constexpr double kHalfRoot = 0.70710678118654752440;
    C even[kSize / 2], odd[kSize / 2];
    small_transform<kSize / 2, 2 * kStride>(x, even);
    small_transform<kSize / 2, 2 * kStride>(x + kStride, odd);
    for (size_t t = 0; t < kSize / 2; ++t) {
      C turned = odd[t];
      if (4 * t == kSize) turned = turned.times_i();
      if (8 * t == kSize) turned = turned.times(kHalfRoot, kHalfRoot);
      if (8 * t == 3 * kSize) turned = turned.times(-kHalfRoot, kHalfRoot);
      out[t] = even[t] + turned;
      out[t + kSize / 2] = even[t] - turned;
    }
  }
}

template <size_t kLanes>
void last_pass(const double* real, const double* imag, double* out_real, double* out_imag, size_t inner,
               const double* twiddles) {
  using C = Complex<kLanes>;
  for (size_t k = 0; k < inner; k += kLanes) {
    C x[kLanes];
    for (size_t i = 0; i < kLanes; ++i) x[i] = C::load(real + (k + i) * kLanes, imag + (k + i) * kLanes);
    for (size_t round = 1; round < kLanes; round *= 2) {  // perfect shuffles: together a transposition
      C y[kLanes];
      for (size_t i = 0; i < kLanes / 2; ++i) {
        y[2 * i] = x[i];
        y[2 * i + 1] = x[i + kLanes / 2];
        Lanes<kLanes>::interleave(y[2 * i].re, y[2 * i + 1].re);
        Lanes<kLanes>::interleave(y[2 * i].im, y[2 * i + 1].im);
      }
      for (size_t i = 0; i < kLanes; ++i) x[i] = y[i];
    }
    for (size_t l = 1; l < kLanes; ++l, twiddles += 2 * kLanes) x[l] = x[l] * C::load(twiddles, twiddles + kLanes);
    C out[kLanes];
    small_transform<kLanes, 1>(x, out);
    for (size_t t = 0; t < kLanes; ++t) out[t].store(out_real + k + t * inner, out_imag + k + t * inner);
  }
}

template <size_t kLanes>
void run_lanes(const FftView& view, double* real, double* imag, double* out_real, double* out_imag) {
  size_t h = 1;
  if (view.odd_levels) {
    radix2_pass<kLanes>(real, imag, view.inner);
    h = 2;
  }
  const double* twiddles = view.passes;
  for (; h < view.inner; h *= 4) {
    radix4_pass<kLanes>(real, imag, view.inner, h, twiddles);
    twiddles += 6 * h;
  }
  last_pass<kLanes>(real, imag, out_real, out_imag, view.inner, view.last);
}

template <size_t kLanes>
void run(const FftView& view, double* real, double* imag, double* out_real, double* out_imag) {
  view.by_vectors ? run_lanes<kLanes>(view, real, imag, out_real, out_imag)
                  : run_lanes<1>(view, real, imag, out_real, out_imag);
}

/// Below 2^51, adding 1.5·2^52 leaves the rounded integer in the mantissa; larger values go one by one.
template <size_t kLanes>
[[gnu::always_inline]] inline void round_vector(std::int64_t* out, typename Lanes<kLanes>::Vector y,
                                                typename Lanes<kLanes>::Vector& largest, bool& valid) {
  using L = Lanes<kLanes>;
  using I = typename L::Integers;
  const auto magic = L::splat(0x1.8p52);
  const auto size = y < 0 ? -y : y;
  largest = size > largest ? size : largest;
  const I small = size < 0x1p51;  // not where a NaN is
  std::int64_t all = -1;
  for (size_t l = 0; l < kLanes; ++l) all &= small[l];
  if (__builtin_expect(all != 0, 1)) {
    *reinterpret_cast<I*>(out) = reinterpret_cast<I>(y + magic) - reinterpret_cast<I>(magic);
    return;
  }
  for (size_t l = 0; l < kLanes; ++l) {
    if (y[l] != y[l]) valid = false;
    out[l] = size[l] < 0x1p62 ? static_cast<std::int64_t>(__builtin_rint(y[l])) : 0;
  }
}

template <size_t kLanes>
double round(std::int64_t* out, const double* real, const double* imag, const double* twist_real,
             const double* twist_imag, size_t n, double factor) {
  using L = Lanes<kLanes>;
  using C = Complex<kLanes>;
  auto largest = L::splat(0);
  bool valid = true;
  for (size_t i = 0; i < n; i += kLanes) {
    const C x = C::load(real + i, imag + i), w = C::load(twist_real + i, twist_imag + i);
    round_vector<kLanes>(out + i, (x.re * w.re + x.im * w.im) * factor, largest, valid);
    round_vector<kLanes>(out + n + i, (x.im * w.re - x.re * w.im) * factor, largest, valid);
  }
  double result = 0;
  for (size_t l = 0; l < kLanes; ++l) result = largest[l] > result ? largest[l] : result;
  return valid ? result : __builtin_nan("");
}

template <size_t kLanes>
double round_pair(std::int32_t* out, double* real, double* imag, const double* twist_real, const double* twist_imag,
                  size_t n, double factor) {
  using L = Lanes<kLanes>;
  using C = Complex<kLanes>;
  using V = typename L::Vector;
  const auto half = L::splat(factor / 2);
  for (size_t i = 0; i < n; i += kLanes) {
    const C x = C::load(real + i, imag + i), w = C::load(twist_real + i, twist_imag + i);
    C{(x.re * w.re + x.im * w.im) * half, (x.im * w.re - x.re * w.im) * half}.store(real + i, imag + i);
  }
  const auto size = [](double x) { return x < 0 ? -x : x; };
  double largest = 0;
  bool valid = true;
  const auto see = [&](double x) {
    largest = size(x) > largest ? size(x) : largest;
    valid &= size(x) < FftKernel::kMostPaired;
    return valid ? static_cast<std::int32_t>(__builtin_rint(x)) : 0;
  };
  // h[j] = f[j] + g[n - j] and h[2n - j] = g[n - j] - f[j], but h[0] = f[0] and h[n] = g[0].
  out[0] = see(2 * real[0]);
  out[n] = see(2 * imag[0]);
  for (size_t j = 1; j < kLanes; ++j) {
    const std::int32_t f = see(real[j] - imag[n - j]), g = see(real[j] + imag[n - j]);
    out[j] = g + f;
    out[2 * n - j] = g - f;
  }
  const auto magic = L::splat(0x1.8p52);
  V most = L::splat(0);
  auto wrong = most != most;  // lanes where a value was too large or a NaN
  for (size_t i = kLanes; i < n; i += kLanes) {
    if constexpr (kLanes > 1) {
      const V x = C::load(real + i, imag + i).re, y = L::reverse(L::load_any(imag + n - i - (kLanes - 1)));
      V f = x - y, g = x + y;
      const V f_size = f < 0 ? -f : f, g_size = g < 0 ? -g : g;
      most = most > f_size ? most : f_size;
      most = most > g_size ? most : g_size;
      wrong |= ~((f_size < L::splat(FftKernel::kMostPaired)) & (g_size < L::splat(FftKernel::kMostPaired)));
      f = (f + magic) - magic;
      g = (g + magic) - magic;
      L::store_narrow(out + i, g + f);
      L::store_narrow(out + 2 * n - i - (kLanes - 1), L::reverse(g - f));
    } else {
      const std::int32_t f = see(real[i] - imag[n - i]), g = see(real[i] + imag[n - i]);
      out[i] = g + f;
      out[2 * n - i] = g - f;
    }
  }
  if constexpr (kLanes > 1) {
    for (size_t l = 0; l < kLanes; ++l) {
      see(most[l]);
      valid &= wrong[l] == 0;
    }
  }
  return valid ? largest : __builtin_nan("");
}

template <size_t kLanes>
constexpr FftKernel make_fft_kernel(std::string_view name) {
  return {name, kLanes, run<kLanes>, round<kLanes>, round_pair<kLanes>};
}

}  // namespace

namespace simd {
const FftKernel& portable_fft_kernel();
#ifdef BLINDSIGHT_X86
const FftKernel& avx2_fft_kernel();
const FftKernel& avx512_fft_kernel();
#endif
}  // namespace simd

}  // namespace blindsight::ckks
