// Pseudo-random noise that is the same on every machine. Not for cryptography.
#pragma once

#include <cstdint>

namespace blindsight::runtime {

/// Nearly Gaussian: sums of eight uniform 16-bit numbers, from SplitMix64.
class Gaussian {
 public:
  explicit Gaussian(std::uint64_t seed) : state_(seed) {}
  /// Mean 0, variance 1.
  double operator()() {
    const std::uint64_t a = next();
    const std::uint64_t b = next();
    // Four sums of two 16-bit numbers each, side by side.
    constexpr std::uint64_t kEven = 0x0000ffff0000ffff;
    const std::uint64_t sums = (a & kEven) + ((a >> 16) & kEven) + (b & kEven) + ((b >> 16) & kEven);
    const auto sum = static_cast<std::int64_t>((sums & 0xffffffff) + (sums >> 32));
    return (static_cast<double>(sum) - 8 * 32767.5) * kScale;
  }

 private:
  // 1 / sqrt(8 · (2^32 - 1) / 12)
  static constexpr double kScale = 1.0 / 53509.9;
  std::uint64_t next() {
    std::uint64_t z = state_ += 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }
  std::uint64_t state_;
};

}  // namespace blindsight::runtime
