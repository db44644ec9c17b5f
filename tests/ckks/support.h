// Parameter sets, random values and noise bounds that the tests of this room share.
#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <complex>
#include <filesystem>
#include <map>
#include <optional>
#include <ostream>
#include <random>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "blindsight/ckks/encoder.h"
#include "blindsight/ckks/encryptor.h"
#include "blindsight/ckks/evaluator.h"
#include "blindsight/ckks/keys.h"
#include "blindsight/ckks/parameters.h"

namespace blindsight::ckks {

struct ParameterSet {
  const char* name;
  unsigned log_n;
  std::vector<unsigned> q_bits, p_bits;
  std::vector<unsigned> special_limbs;  ///< by level; empty: all
};

inline std::ostream& operator<<(std::ostream& out, const ParameterSet& set) { return out << set.name; }

inline const ParameterSet& small_set() {
  static const ParameterSet set{"N12", 12, {36, 30}, {36}, {}};
  return set;
}

/// One digit a limb; a few limbs a digit, the last digit whole or partial; as many for all levels or not; rings of 2^12
/// to 2^14.
inline std::vector<ParameterSet> parameter_sets() {
  return {small_set(),
          {"N13", 13, {40, 40, 40}, {50}, {}},
          {"N13Digits2", 13, {40, 30, 30}, {50, 50}, {}},
          {"N14Digits2", 14, {50, 40, 40, 40, 40, 40}, {50, 50}, {}},
          {"N14Digits3", 14, {50, 40, 40, 40, 40}, {50, 50, 50}, {}},
          {"N14Digits4", 14, {50, 40, 40, 40, 40}, {50, 50, 50, 50}, {}},
          {"N14ByLevel", 14, {50, 40, 40, 40, 40, 40}, {50, 50, 50}, {1, 2, 1, 2, 3, 3}}};
}

inline ContextPtr make_context(const ParameterSet& set) {
  static std::map<std::string, ContextPtr> made;
  auto& context = made[set.name];
  if (!context) {
    auto literal = ParametersLiteral::from_bits(set.log_n, set.q_bits, set.p_bits);
    literal.special_limbs = set.special_limbs;
    context = Context::create(std::move(literal));
  }
  return context;
}

/// Keys up to these levels, each for the special limbs that its level uses.
inline KeyRequest keys_for(const Context& context, std::optional<unsigned> relinearisation,
                           const std::map<int, unsigned>& rotations = {},
                           std::optional<unsigned> conjugation = std::nullopt) {
  KeyRequest request;
  if (relinearisation) request.want_relinearisation(context.literal(), *relinearisation);
  for (const auto& [k, level] : rotations) request.want_rotation(context.literal(), k, level);
  if (conjugation) request.want_conjugation(context.literal(), *conjugation);
  return request;
}

inline std::vector<double> random_values(std::size_t count, std::uint64_t seed, double largest = 1) {
  std::mt19937_64 random(seed);
  std::uniform_real_distribution<double> uniform(-largest, largest);
  std::vector<double> values(count);
  for (double& v : values) v = uniform(random);
  return values;
}

inline std::vector<double> rotated_left(std::span<const double> values, int k) {
  const auto n = static_cast<int>(values.size());
  std::vector<double> out(values.size());
  for (int i = 0; i < n; ++i)
    out[static_cast<std::size_t>(i)] = values[static_cast<std::size_t>((((i + k) % n) + n) % n)];
  return out;
}

inline double largest_difference(std::span<const double> a, std::span<const double> b) {
  EXPECT_EQ(a.size(), b.size());
  double largest = 0;
  for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
    const double difference = std::abs(a[i] - b[i]);
    if (!(difference <= largest)) largest = difference;  // keeps a NaN
  }
  return largest;
}

/// Variances of a noise polynomial's coefficients, and what they mean for slots. Errors are independent and (nearly)
/// Gaussian, so a slot's real part has variance N·v/2: eight standard deviations are passed once in 10^15 slots.
class Noise {
 public:
  explicit Noise(const Context& context) : context_(context), n_(static_cast<double>(context.n())) {}
  /// Slot error, in units of 1/scale.
  double slot(double variance) const { return 8 * std::sqrt(n_ * variance / 2); }
  /// The same for a product of two such polynomials, one of them perhaps the secret, `variance` that of its
  /// coefficients: |X|·|Y| of two complex Gaussians passes k times its root mean square with probability 2k·K1(2k),
  /// 2·10^-13 at 16.
  double product_slot(double variance) const { return 16 * std::sqrt(n_ * variance); }
  /// Of three: exp(-3·k^(2/3)) or so, 10^-13 at 32.
  double triple_product_slot(double variance) const { return 32 * std::sqrt(n_ * variance); }
  double rounding() const { return 1.0 / 12; }
  double secret_key() const { return kErrorStdDev * kErrorStdDev; }
  /// e·v + e0 + e1·s with v and s ternary.
  double public_key() const { return secret_key() * (1 + n_ * 4 / 3); }
  /// Both parts rounded after a division: τ0 + τ1·s.
  double division() const { return (1 + n_ * 2 / 3) / 12; }
  /// Σ digit_i·e_i / P, digits centred, and the rounding of the division by P.
  double key_switch(unsigned level) const {
    double sum = 0;
    for (std::size_t d = 0; d < context_.digits(level); ++d) {
      double log_digit = 0;
      const std::size_t alpha = context_.special_limbs(level);
      for (std::size_t l = d * alpha; l < std::min<std::size_t>((d + 1) * alpha, level + 1); ++l) {
        log_digit += std::log2(static_cast<double>(context_.q(l).value()));
      }
      sum += n_ * secret_key() * std::exp2(2 * (log_digit - context_.log_p(level))) / 12;
    }
    return sum + division();
  }

 private:
  const Context& context_;
  double n_;
};

/// A context with its encoder, evaluator and a secret.
struct Bench {
  explicit Bench(const ParameterSet& set)
      : context(make_context(set)), encoder(context), evaluator(context), secret(context), noise(*context) {}

  /// Exact for the analytic bounds: what the encoder loses by rounding is in `rounding`.
  Ciphertext encrypt(std::span<const double> values, double scale, unsigned level) const {
    return expand(*context, ckks::encrypt(secret, encoder.encode(values, scale, level)));
  }
  std::vector<double> decrypt(const Ciphertext& ciphertext) const {
    return encoder.decode(ckks::decrypt(secret, ciphertext));
  }
  /// Slot error of a fresh secret-key encryption, in units of 1/scale.
  double fresh() const { return noise.slot(noise.secret_key() + noise.rounding()); }
  std::vector<double> values(std::uint64_t seed) const { return random_values(context->slots(), seed); }

  ContextPtr context;
  Encoder encoder;
  Evaluator evaluator;
  SecretKey secret;
  Noise noise;
};

/// Some error is always there: a result without any was not encrypted.
inline void expect_close(std::span<const double> got, std::span<const double> expected, double bound) {
  const double error = largest_difference(got, expected);
  EXPECT_LE(error, bound);
  EXPECT_GT(error, 0);
}

/// A path that is gone with its file in the end.
class TemporaryFile {
 public:
  TemporaryFile() {
    const int file = ::mkstemp(path_.data());
    EXPECT_GE(file, 0);
    ::close(file);
  }
  ~TemporaryFile() { std::filesystem::remove(path_); }
  const std::string& path() const { return path_; }

 private:
  std::string path_ = (std::filesystem::temp_directory_path() / "blindsight-keys-test.XXXXXX").string();
};

}  // namespace blindsight::ckks
