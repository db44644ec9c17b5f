#include "blindsight/ckks/fft.h"

#include <gtest/gtest.h>

#include <cmath>
#include <complex>
#include <limits>
#include <numbers>
#include <random>
#include <string>

#include "blindsight/base/error.h"
#include "blindsight/ring/kernels.h"

namespace blindsight::ckks {
namespace {

using Doubles = ring::AlignedVector<double>;

struct Arrays {
  explicit Arrays(std::size_t n, std::uint64_t seed) : re(n), im(n), out_re(n), out_im(n) {
    std::mt19937_64 random(seed);
    std::uniform_real_distribution<double> uniform(-1, 1);
    for (std::size_t j = 0; j < n; ++j) x.emplace_back(uniform(random), uniform(random));
  }
  void place(const Fft& fft) {
    for (std::size_t j = 0; j < x.size(); ++j) {
      re[fft.position(j)] = x[j].real();
      im[fft.position(j)] = x[j].imag();
    }
  }
  std::vector<std::complex<double>> x;
  Doubles re, im, out_re, out_im;
};

TEST(Fft, UnitRoots) {
  for (std::size_t size : {std::size_t{1}, std::size_t{2}, std::size_t{8}, std::size_t{1} << 17}) {
    for (std::size_t index = 0; index < size; index += std::max<std::size_t>(1, size / 1000)) {
      const auto [re, im] = unit_root(index, size);
      const long double angle = 2 * std::numbers::pi_v<long double> * static_cast<long double>(index) / size;
      EXPECT_NEAR(re, static_cast<double>(std::cos(angle)), 1.2e-16) << index << "/" << size;
      EXPECT_NEAR(im, static_cast<double>(std::sin(angle)), 1.2e-16) << index << "/" << size;
    }
  }
}

TEST(Fft, ByDefinitionAndBack) {
  ASSERT_EQ(available_fft_kernels().size(), ring::available_kernels().size());
  for (const FftKernel* kernel : available_fft_kernels()) {
    for (std::size_t n = 1; n <= 1024; n *= 2) {
      const Fft fft(n, *kernel);
      ASSERT_EQ(fft.size(), n);
      for (const bool inverse : {false, true}) {
        Arrays a(n, n);
        a.place(fft);
        (inverse ? fft.inverse(a.re.data(), a.im.data(), a.out_re.data(), a.out_im.data())
                 : fft.forward(a.re.data(), a.im.data(), a.out_re.data(), a.out_im.data()));
        for (std::size_t k = 0; k < n; ++k) {
          std::complex<long double> sum = 0;
          for (std::size_t j = 0; j < n; ++j) {
            const long double turn = static_cast<long double>(j * k % n) / n * (inverse ? -1 : 1);
            sum += std::complex<long double>(a.x[j]) * std::polar(1.0L, 2 * std::numbers::pi_v<long double> * turn);
          }
          const double error = std::abs(std::complex<double>(sum) - std::complex(a.out_re[k], a.out_im[k]));
          ASSERT_LT(error, 1e-15 * std::sqrt(n) * (1 + std::log2(n))) << kernel->name << " n " << n << " k " << k;
        }
      }
    }
  }
}

TEST(Fft, LargeSizesComeBack) {
  for (const FftKernel* kernel : available_fft_kernels()) {
    for (std::size_t n : {std::size_t{16384}, std::size_t{32768}}) {
      const Fft fft(n, *kernel);
      Arrays a(n, 3), b(n, 3);
      a.place(fft);
      fft.forward(a.re.data(), a.im.data(), a.out_re.data(), a.out_im.data());
      for (std::size_t j = 0; j < n; ++j) b.x[j] = {a.out_re[j], a.out_im[j]};
      b.place(fft);
      fft.inverse(b.re.data(), b.im.data(), b.out_re.data(), b.out_im.data());
      double error = 0;
      for (std::size_t j = 0; j < n; ++j) {
        const std::complex<double> back(b.out_re[j] / static_cast<double>(n), b.out_im[j] / static_cast<double>(n));
        error = std::max(error, std::abs(back - a.x[j]));
      }
      EXPECT_LT(error, 4e-15) << kernel->name << " " << n;
    }
  }
}

TEST(Fft, RoundsToNearest) {
  const std::vector<double> sizes{0.0, 0.4, 0.6, 1e6 + 0.25, 0x1p50 + 0.75, 0x1p51 - 1, 0x1.8p51, 0x1.23456789p61};
  for (const FftKernel* kernel : available_fft_kernels()) {
    const std::size_t n = 8;
    Doubles re(n), im(n), one(n), zero(n);
    for (std::size_t j = 0; j < n; ++j) re[j] = sizes[j], im[j] = -sizes[n - 1 - j], one[j] = 1, zero[j] = 0;
    ring::AlignedVector<std::int64_t> out(2 * n);
    EXPECT_EQ(kernel->round(out.data(), re.data(), im.data(), one.data(), zero.data(), n, 1), sizes.back());
    for (std::size_t j = 0; j < n; ++j) {
      EXPECT_EQ(out[j], std::llrint(re[j])) << kernel->name;
      EXPECT_EQ(out[n + j], std::llrint(im[j])) << kernel->name;
    }
    // x·conj(twist)·factor
    kernel->round(out.data(), one.data(), zero.data(), zero.data(), one.data(), n, 10);
    EXPECT_EQ(out[3], 0);
    EXPECT_EQ(out[n + 3], -10);
    re[5] = 0x1p62;
    EXPECT_GE(kernel->round(out.data(), re.data(), im.data(), one.data(), zero.data(), n, 1), 0x1p62);
    for (const double bad : {std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity()}) {
      re[5] = bad;
      EXPECT_FALSE(kernel->round(out.data(), re.data(), im.data(), one.data(), zero.data(), n, 1) < 0x1p62);
    }
  }
}

TEST(Fft, RoundsPairs) {
  constexpr std::size_t n = 64;
  std::mt19937_64 random(9);
  std::uniform_real_distribution<double> uniform(-0x1p30 + 2, 0x1p30 - 2);
  std::vector<double> f(2 * n), g(2 * n);  // [n] is 0, and the second half mirrors the first
  for (auto* of : {&f, &g}) {
    (*of)[0] = uniform(random);
    for (std::size_t j = 1; j < n; ++j) (*of)[2 * n - j] = -((*of)[j] = uniform(random));
  }
  ring::AlignedVector<double> re(n), im(n), one(n, 1), zero(n, 0);
  const auto fill = [&] {
    for (std::size_t j = 0; j < n; ++j) {
      re[j] = f[j] - g[j + n];
      im[j] = f[j + n] + g[j];
    }
  };
  for (const FftKernel* kernel : available_fft_kernels()) {
    const auto round = [&](ring::AlignedVector<std::int32_t>& out) {
      return kernel->round_pair(out.data(), re.data(), im.data(), one.data(), zero.data(), n, 1);
    };
    ring::AlignedVector<std::int32_t> out(2 * n);
    fill();
    const double largest = round(out);
    double expected = 0;
    for (std::size_t j = 0; j < n; ++j) {
      expected = std::max({expected, std::abs(f[j]), std::abs(g[j])});
      EXPECT_EQ(out[j], std::llrint(f[j]) - std::llrint(g[j + n])) << kernel->name << " " << j;
      EXPECT_EQ(out[j + n], std::llrint(f[j + n]) + std::llrint(g[j])) << kernel->name << " " << j;
    }
    EXPECT_NEAR(largest, expected, 1e-6) << kernel->name;
    // Wherever a value is that doesn't fit.
    for (const double bad : {0x1p32, -0x1p32, 0x1p60, std::numeric_limits<double>::quiet_NaN()}) {
      for (std::size_t j = 0; j < n; ++j) {
        fill();
        (j % 2 == 0 ? re : im)[j] = bad;
        EXPECT_FALSE(round(out) < FftKernel::kMostPaired) << kernel->name << " " << j << " " << bad;
      }
    }
    // x·conj(twist)·factor, x = 1, twist = i: h[n + j] = -10, so f[n - j] = g[j] = -5
    std::fill(re.begin(), re.end(), 1);
    std::fill(im.begin(), im.end(), 0);
    EXPECT_EQ(kernel->round_pair(out.data(), re.data(), im.data(), zero.data(), one.data(), n, 10), 10) << kernel->name;
    EXPECT_EQ(out[n], -10) << kernel->name;
    for (std::size_t j = 1; j < n; ++j) {
      EXPECT_EQ(out[j], 0) << kernel->name;
      EXPECT_EQ(out[n + j], -10) << kernel->name;
    }
  }
}

TEST(Fft, Refuses) {
  EXPECT_THROW(Fft(0), InvalidArgument);
  EXPECT_THROW(Fft(24), InvalidArgument);
}

}  // namespace
}  // namespace blindsight::ckks
