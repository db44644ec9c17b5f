// The noise model against the scheme's own errors.
#include "blindsight/compiler/noise.h"

#include <gtest/gtest.h>

#include <cmath>

#include "blindsight/ckks/encoder.h"
#include "blindsight/ckks/encryptor.h"
#include "blindsight/ckks/evaluator.h"
#include "hand_made.h"

namespace blindsight::compiler {
namespace {

ckks::ParametersLiteral with_special_limbs(ckks::ParametersLiteral literal, std::vector<unsigned> special_limbs) {
  literal.special_limbs = std::move(special_limbs);
  return literal;
}

struct Scheme {
  explicit Scheme(ckks::ParametersLiteral literal = ckks::ParametersLiteral::from_bits(13, {34, 47, 50}, {45}))
      : context(ckks::Context::create(std::move(literal))) {}
  ckks::ContextPtr context;
  ckks::SecretKey secret{context};
  ckks::Encoder encoder{context};
  ckks::Evaluator evaluator{context};
  NoiseModel noise{context->literal()};
  std::vector<double> x = test::uniform(3, context->slots());

  double error(const ckks::Ciphertext& c, const std::vector<double>& want) const {
    const std::vector<double> got = encoder.decode(ckks::decrypt(secret, c));
    double sum = 0;
    for (std::size_t i = 0; i < want.size(); ++i) sum += (got[i] - want[i]) * (got[i] - want[i]);
    return std::sqrt(sum / static_cast<double>(want.size()));
  }
  ckks::Ciphertext encrypted(double scale, unsigned level) const {
    return ckks::expand(*context, ckks::encrypt(secret, encoder.encode(x, scale, level)));
  }
  std::vector<double> rotated(std::size_t by) const {
    std::vector<double> out(x.size());
    for (std::size_t i = 0; i < out.size(); ++i) out[i] = x[(i + by) % out.size()];
    return out;
  }
};

void expect_within(double measured, double variance, double factor) {
  EXPECT_LT(measured, factor * std::sqrt(variance));
  EXPECT_GT(measured, std::sqrt(variance) / factor);
}

TEST(Noise, OfFreshCiphertexts) {
  const Scheme s;
  expect_within(s.error(s.encrypted(0x1p30, 2), s.x), s.noise.fresh(0x1p30), 1.1);
}

/// Slots that repeat have fewer coefficients that are rounded.
TEST(Noise, OfEncodingByPeriod) {
  const Scheme s;
  for (const std::size_t period : {s.x.size(), std::size_t{256}, std::size_t{16}}) {
    double measured = 0;
    constexpr std::uint64_t kRounds = 40;
    for (std::uint64_t round = 0; round < kRounds; ++round) {
      const auto few = test::uniform(round, period);
      std::vector<double> values(s.x.size());
      for (std::size_t i = 0; i < values.size(); ++i) values[i] = few[i % period];
      const auto got = s.encoder.decode(s.encoder.encode(values, 0x1p20, 0));
      for (std::size_t i = 0; i < period; ++i) measured += std::pow(got[i] - values[i], 2);
    }
    expect_within(std::sqrt(measured / static_cast<double>(kRounds * period)), s.noise.encoding(0x1p20, period), 1.15);
  }
  EXPECT_DOUBLE_EQ(s.noise.encoding(0x1p20), s.noise.encoding(0x1p20, s.x.size()));
}

TEST(Noise, OfRescaling) {
  const Scheme s;
  const double scale = 0x1p25 * static_cast<double>(s.context->q(2).value());
  ckks::Ciphertext c = s.encrypted(scale / 0x1p18, 2);
  s.evaluator.mul_plain_inplace(c, s.encoder.encode_constant(1, 0x1p18, 2));
  s.evaluator.rescale_inplace(c);
  expect_within(s.error(c, s.x), s.noise.rounding(0x1p25), 1.2);
}

void expect_key_switch(const Scheme& s, unsigned level, double scale) {
  SCOPED_TRACE("level " + std::to_string(level));
  ckks::KeyRequest request;
  request.want_rotation(s.context->literal(), 5, level);
  request.want_relinearisation(s.context->literal(), level);
  const auto keys = ckks::make_evaluation_keys(s.secret, request);
  expect_within(s.error(s.evaluator.rotate(s.encrypted(scale, level), 5, keys), s.rotated(5)),
                s.noise.key_switch(level, scale) + s.noise.fresh(scale), 1.2);
}

TEST(Noise, OfKeySwitching) { expect_key_switch(Scheme(), 2, 0x1p30); }

/// Digits of several limbs, the last one shorter; fewer special primes at low levels. Special primes narrower than the
/// digits let the noise of the digits show.
TEST(Noise, OfKeySwitchingWithSeveralSpecialLimbs) {
  const auto literal = ckks::ParametersLiteral::from_bits(14, {40, 45, 46, 47, 48}, {43, 43});
  const Scheme all(literal);
  for (const unsigned level : {1U, 2U, 3U, 4U}) expect_key_switch(all, level, 0x1p30);
  const Scheme fewer(with_special_limbs(literal, {1, 1, 1, 2, 2}));
  for (const unsigned level : {1U, 2U, 3U, 4U}) expect_key_switch(fewer, level, 0x1p30);
  // One special prime for digits of one limb, or two for digits of two: other noise, and the model tells them apart.
  EXPECT_DOUBLE_EQ(all.noise.key_switch(4, 0x1p30), fewer.noise.key_switch(4, 0x1p30));
  EXPECT_NE(all.noise.extended_switch(2, 0x1p30), fewer.noise.extended_switch(2, 0x1p30));
}

TEST(Noise, FallsWithTheSquareOfTheScale) {
  const NoiseModel noise(13, {34, 47, 50}, {45});
  EXPECT_DOUBLE_EQ(noise.fresh(0x1p30), noise.fresh(0x1p20) * 0x1p-20);
  EXPECT_DOUBLE_EQ(noise.rounding(0x1p30), noise.rounding(0x1p20) * 0x1p-20);
  EXPECT_DOUBLE_EQ(noise.key_switch(1, 0x1p30), noise.key_switch(1, 0x1p20) * 0x1p-20);
  EXPECT_DOUBLE_EQ(noise.encoding(0x1p30, 64), noise.encoding(0x1p20, 64) * 0x1p-20);
}

}  // namespace
}  // namespace blindsight::compiler
