#include "blindsight/compiler/noise.h"

#include <gtest/gtest.h>

#include <cmath>

#include "blindsight/ckks/encoder.h"
#include "blindsight/ckks/encryptor.h"
#include "blindsight/ckks/evaluator.h"
#include "random_chain.h"

namespace blindsight::compiler {
namespace {

struct Scheme {
  ckks::ContextPtr context = ckks::Context::create(ckks::ParametersLiteral::from_bits(13, {34, 47, 50}, {45}));
  ckks::SecretKey secret{context};
  ckks::Encoder encoder{context};
  ckks::Evaluator evaluator{context};
  NoiseModel noise{context->literal()};
  std::vector<double> x = test::random_vector(3, 4096);

  double error(const ckks::Ciphertext& c, const std::vector<double>& want) const {
    const std::vector<double> got = encoder.decode(ckks::decrypt(secret, c));
    double sum = 0;
    for (std::size_t i = 0; i < want.size(); ++i) sum += (got[i] - want[i]) * (got[i] - want[i]);
    return std::sqrt(sum / static_cast<double>(want.size()));
  }
  ckks::Ciphertext encrypted(double scale) const {
    return ckks::expand(*context, ckks::encrypt(secret, encoder.encode(x, scale, 2)));
  }
};

void expect_within(double measured, double variance, double factor) {
  EXPECT_LT(measured, factor * std::sqrt(variance));
  EXPECT_GT(measured, std::sqrt(variance) / factor);
}

TEST(Noise, OfFreshCiphertexts) {
  const Scheme s;
  expect_within(s.error(s.encrypted(0x1p30), s.x), s.noise.fresh(0x1p30), 1.1);
}

TEST(Noise, OfRescaling) {
  const Scheme s;
  const double scale = 0x1p25 * static_cast<double>(s.context->q(2).value());
  ckks::Ciphertext c = s.encrypted(scale / 0x1p18);
  s.evaluator.mul_plain_inplace(c, s.encoder.encode_constant(1, 0x1p18, 2));
  s.evaluator.rescale_inplace(c);
  expect_within(s.error(c, s.x), s.noise.rounding(0x1p25), 1.2);
}

TEST(Noise, OfKeySwitching) {
  const Scheme s;
  ckks::KeyRequest request;
  request.want_rotation(s.context->literal(), 5, 2);
  const auto keys = ckks::make_evaluation_keys(s.secret, request);
  std::vector<double> want(s.x.size());
  for (std::size_t i = 0; i < want.size(); ++i) want[i] = s.x[(i + 5) % want.size()];
  expect_within(s.error(s.evaluator.rotate(s.encrypted(0x1p30), 5, keys), want),
                s.noise.key_switch(2, 0x1p30) + s.noise.fresh(0x1p30), 1.2);
}

}  // namespace
}  // namespace blindsight::compiler
