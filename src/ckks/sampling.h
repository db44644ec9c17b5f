// Randomness: the operating system's for secrets and seeds, AES-256-CTR to expand seeds into public polynomials.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "blindsight/ring/poly.h"

namespace blindsight::ckks {

using Seed = std::array<std::uint8_t, 32>;

/// A fresh seed from the operating system. Throws Error where it has no randomness to give.
Seed random_seed();

/// AES-256-CTR key stream of (seed, stream): deterministic. Wiped on destruction.
class Prng {
 public:
  explicit Prng(const Seed& seed, std::uint64_t stream = 0);
  ~Prng();
  Prng(const Prng&) = delete;
  Prng& operator=(const Prng&) = delete;
  void fill(std::span<std::uint8_t> out);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// The same bytes for seeds that are no secret, as fast as the machine makes them; nothing is wiped.
class KeyStream {
 public:
  explicit KeyStream(const Seed& seed, std::uint64_t stream = 0);
  ~KeyStream();
  /// Goes on with the start of another stream.
  void seek(std::uint64_t stream);
  void fill(std::span<std::uint8_t> out);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// Words of a uniform polynomial that come from a key stream of their own.
inline constexpr std::size_t kUniformBlock = 2048;

/// Uniform polynomials from a seed, any part of them: block b of limb l of polynomial `stream` is the key stream of
/// (seed, (stream << 32) + (l << 16) + b), cut into words of as many bits as the prime has, lowest first, without those
/// that are not below the prime.
class UniformWords {
 public:
  explicit UniformWords(const Seed& seed) : stream_(seed) {}
  /// The words of a limb from `first` on, a multiple of kUniformBlock: as many blocks, the last of which may be cut
  /// short at a multiple of 16. `out` is 64-byte aligned, `q` the limb's prime.
  void make(std::span<std::uint64_t> out, const ring::Modulus& q, std::uint64_t stream, std::size_t limb,
            std::size_t first = 0);

 private:
  KeyStream stream_;
};

/// Uniform in [0, q) for every limb (UniformWords), in the evaluation domain: a truncated basis gives a prefix.
ring::EvalPoly sample_uniform(ring::BasisPtr basis, const Seed& seed, std::uint64_t stream = 0);

/// Coefficients of a small polynomial, before they are reduced by any prime. Wiped on destruction.
class SmallCoefficients {
 public:
  explicit SmallCoefficients(std::size_t n) : values_(n) {}
  ~SmallCoefficients();
  SmallCoefficients(SmallCoefficients&&) = default;  // leaves nothing to wipe
  SmallCoefficients& operator=(SmallCoefficients&&) = delete;
  SmallCoefficients(const SmallCoefficients&) = delete;
  SmallCoefficients& operator=(const SmallCoefficients&) = delete;
  std::span<std::int8_t> values() { return values_; }
  std::span<const std::int8_t> values() const { return values_; }
  /// Residues modulo q, in constant time.
  void reduce(std::uint64_t* out, const ring::Modulus& q) const;

 private:
  std::vector<std::int8_t> values_;
};

/// As sample_error.
SmallCoefficients sample_error_coefficients(std::size_t n, Prng& prng);

/// Uniform in {-1, 0, 1}.
ring::CoeffPoly sample_ternary(ring::BasisPtr basis, Prng& prng);
/// Rounded Gaussian of standard deviation kErrorStdDev, cut at six of them.
ring::CoeffPoly sample_error(ring::BasisPtr basis, Prng& prng);
/// sample_error under a fresh seed, in the evaluation domain.
ring::EvalPoly fresh_error(const ring::BasisPtr& basis);

}  // namespace blindsight::ckks
