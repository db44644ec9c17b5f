// Word-size prime moduli.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace blindsight::ring {

/// Widest prime that every kernel takes: lazy sums of a few words stay below 2^52 (AVX-512-IFMA) and products exact in
/// double-precision FMA.
inline constexpr unsigned kMaxPrimeBits = 50;

/// An odd prime below 2^50 and what its arithmetic needs.
class Modulus {
 public:
  /// Throws InvalidArgument unless `value` is odd, above 2 and below 2^50 (primality is the caller's business).
  explicit Modulus(std::uint64_t value);
  std::uint64_t value() const { return value_; }
  unsigned bits() const { return bits_; }

  std::uint64_t add(std::uint64_t a, std::uint64_t b) const {
    const std::uint64_t s = a + b;
    return s >= value_ ? s - value_ : s;
  }
  std::uint64_t sub(std::uint64_t a, std::uint64_t b) const { return a >= b ? a - b : a + value_ - b; }
  std::uint64_t neg(std::uint64_t a) const { return a == 0 ? 0 : value_ - a; }
  std::uint64_t mul(std::uint64_t a, std::uint64_t b) const {
    return static_cast<std::uint64_t>(static_cast<unsigned __int128>(a) * b % value_);
  }
  std::uint64_t pow(std::uint64_t base, std::uint64_t exponent) const;
  /// Throws InvalidArgument where a is 0.
  std::uint64_t inverse(std::uint64_t a) const;
  std::uint64_t reduce(std::uint64_t a) const { return a % value_; }
  std::uint64_t from_signed(std::int64_t a) const;
  /// Representative in [-q/2, q/2].
  std::int64_t to_signed(std::uint64_t a) const {
    return a > value_ / 2 ? static_cast<std::int64_t>(a) - static_cast<std::int64_t>(value_)
                          : static_cast<std::int64_t>(a);
  }
  bool operator==(const Modulus&) const = default;

 private:
  std::uint64_t value_;
  unsigned bits_;
};

/// Deterministic Miller-Rabin, exact for 64-bit integers.
bool is_prime(std::uint64_t n);

/// The `count` largest primes q < 2^bits, q ≡ 1 (mod 2n), none of them in `taken`, in falling order.
/// Throws InvalidArgument where bits > kMaxPrimeBits or there are too few.
std::vector<std::uint64_t> find_primes(unsigned bits, std::size_t n, std::size_t count,
                                       std::span<const std::uint64_t> taken = {});

/// The smallest primitive 2n-th root of unity mod q (SEAL's convention).
std::uint64_t minimal_primitive_root(const Modulus& q, std::size_t n);

}  // namespace blindsight::ring
