#include "blindsight/ckks/encryptor.h"

#include <gtest/gtest.h>

#include "blindsight/base/error.h"
#include "support.h"

namespace blindsight::ckks {
namespace {

class EncryptorTest : public testing::TestWithParam<ParameterSet> {};
INSTANTIATE_TEST_SUITE_P(Sets, EncryptorTest, testing::ValuesIn(parameter_sets()),
                         [](const auto& info) { return std::string(info.param.name); });

TEST_P(EncryptorTest, SecretKeyErrorIsWithinItsBound) {
  const double scale = std::exp2(28);
  for (std::uint64_t seed = 0; seed < 5; ++seed) {
    const Bench bench(GetParam());
    const auto values = bench.values(seed);
    for (unsigned level = 0; level <= bench.context->max_level(); ++level) {
      const auto seeded = encrypt(bench.secret, bench.encoder.encode(values, scale, level));
      EXPECT_EQ(seeded.level(), level);
      const auto got = bench.decrypt(expand(*bench.context, seeded));
      expect_close(got, values, bench.fresh() / scale);
      // And not far below it: the noise must be there.
      EXPECT_GT(largest_difference(got, values), bench.fresh() / scale / 8);
    }
  }
}

TEST_P(EncryptorTest, PublicKeyErrorIsWithinItsBound) {
  const double scale = std::exp2(28);
  for (std::uint64_t seed = 0; seed < 3; ++seed) {
    const Bench bench(GetParam());
    const auto key = make_public_key(bench.secret);
    const auto values = bench.values(seed);
    const double bound = bench.noise.product_slot(bench.noise.public_key() + bench.noise.rounding()) / scale;
    for (unsigned level = 0; level <= bench.context->max_level(); ++level) {
      const auto got = bench.decrypt(encrypt(bench.context, key, bench.encoder.encode(values, scale, level)));
      expect_close(got, values, bound);
      EXPECT_GT(largest_difference(got, values), bound / 8);
    }
  }
}

TEST(Encryptor, NoTwoCiphertextsAreAlike) {
  const Bench bench(small_set());
  const auto plaintext = bench.encoder.encode_constant(1, 1024, 1);
  const auto a = encrypt(bench.secret, plaintext), b = encrypt(bench.secret, plaintext);
  EXPECT_NE(a.seed, b.seed);
  EXPECT_FALSE(std::equal(a.body.words().begin(), a.body.words().end(), b.body.words().begin()));
  const auto key = make_public_key(bench.secret);
  const auto c = encrypt(bench.context, key, plaintext), d = encrypt(bench.context, key, plaintext);
  EXPECT_FALSE(std::equal(c.parts[1].words().begin(), c.parts[1].words().end(), d.parts[1].words().begin()));
}

TEST(Encryptor, AnotherSecretDecryptsToNoise) {
  const Bench bench(small_set()), other(small_set());
  const auto values = bench.values(1);
  const auto got = other.decrypt(bench.encrypt(values, std::exp2(28), 1));
  EXPECT_GT(largest_difference(got, values), 1000);
}

TEST(Encryptor, ThreePartsDecryptToo) {
  const Bench bench(small_set());
  const auto values = bench.values(2);
  const double scale = std::exp2(26);
  std::vector<double> squares(values);
  for (double& v : squares) v *= v;
  const auto got = bench.decrypt(bench.evaluator.square(bench.encrypt(values, scale, 1)));
  const double e = bench.fresh() / scale;
  expect_close(got, squares, 2 * e + e * e);
}

TEST(Encryptor, RefusesACiphertextWithoutParts) {
  const Bench bench(small_set());
  EXPECT_THROW(decrypt(bench.secret, Ciphertext{}), InvalidArgument);
}

}  // namespace
}  // namespace blindsight::ckks
