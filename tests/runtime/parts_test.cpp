#include "blindsight/runtime/parts.h"

#include <gtest/gtest.h>

#include <cmath>

#include "blindsight/base/error.h"
#include "blindsight/ckks/serialise.h"
#include "blindsight/compiler/compile.h"
#include "parts_network.h"

namespace blindsight::runtime {
namespace {

using test::kPart;

constexpr std::size_t kGroup = 4;
constexpr std::size_t kParts = 10;  // not a multiple: groups have empty places
const Affine kAffine{1.0 / 128, -1};

Bytes levels(std::uint64_t seed, std::size_t size = kPart) {
  std::mt19937_64 random(seed);
  Bytes out(size);
  for (auto& level : out) level = static_cast<std::uint8_t>(random());
  return out;
}

/// The parts whose bit of `pattern` is set are to be encrypted.
Parts parts(unsigned pattern) {
  Parts out;
  for (std::size_t k = 0; k < kParts; ++k) {
    const auto number = static_cast<std::int32_t>(k) + 1;
    out.index.push_back((pattern >> k & 1) != 0 ? number : -number);
    out.levels.push_back(levels(100 + k));
  }
  return out;
}

/// The network's own definition, with all parts at once.
std::vector<double> expected(const Parts& image) {
  std::vector<double> tensor;
  for (const Bytes& some : image.levels) {
    for (std::size_t i = 0; i < kPart; ++i) {
      tensor.push_back(some[some.size() == 1 ? 0 : i] * kAffine.factor + kAffine.offset);
    }
  }
  return nn::evaluate_stages(test::parts_network(image.levels.size()), tensor).back();
}

/// One compiled network, with keys and server.
struct Bench {
  compiler::Compiled compiled = compiler::compile(test::parts_network(kGroup), {.precision = 1e-3});
  Client client{compiler::make_manifest(compiled.program, "")};
  ckks::SecretKey secret{client.context()};
  ckks::EvaluationKeys keys = ckks::make_evaluation_keys(secret, client.manifest().keys);
  PartsExecutor server{client.context(), compiled.program, kGroup, kParts, kAffine};

  static const Bench& get() {
    static const Bench bench;
    return bench;
  }
  std::vector<double> classify(const Parts& image) const {
    const PartsUpload upload = encrypt_parts(client, secret, image, kGroup, kAffine);
    return client.decrypt(secret, server.run(upload, keys));
  }
  /// Errors of several groups add up; their number's root covers it.
  double bound() const { return 8 * compiled.report.predicted_logit_error * std::sqrt(3.0) + 1e-6; }
};

TEST(Parts, AnyMixOfEncryptedAndClearGivesTheWholeImagesLogits) {
  const Bench& bench = Bench::get();
  for (const unsigned pattern : {0x3FFu, 0x155u, 0x001u, 0x00Fu, 0x21Fu, 0x200u, 0x000u}) {
    const Parts image = parts(pattern);
    const auto want = expected(image);
    const auto got = bench.classify(image);
    ASSERT_EQ(got.size(), want.size());
    for (std::size_t i = 0; i < want.size(); ++i) EXPECT_NEAR(got[i], want[i], bench.bound()) << pattern << ' ' << i;
  }
}

TEST(Parts, APartMayBeReplacedByOneLevel) {
  const Bench& bench = Bench::get();
  Parts image = parts(0x0F0);
  image.levels[0] = {77};
  image.levels[9] = {200};
  const auto want = expected(image);
  const auto got = bench.classify(image);
  for (std::size_t i = 0; i < want.size(); ++i) EXPECT_NEAR(got[i], want[i], bench.bound());
  const auto other = expected(parts(0x0F0));
  EXPECT_GT(std::abs(other[0] - want[0]), 20 * bench.bound()) << "the test could not fail";
}

TEST(Parts, OnlyEncryptedPartsTakeCiphertexts) {
  const Bench& bench = Bench::get();
  const auto ciphertexts = [&](unsigned pattern) {
    return encrypt_parts(bench.client, bench.secret, parts(pattern), kGroup, kAffine).encrypted.size();
  };
  EXPECT_EQ(ciphertexts(0x3FF), 3u);
  EXPECT_EQ(ciphertexts(0x155), 2u);
  EXPECT_EQ(ciphertexts(0x00F), 1u);
  EXPECT_EQ(ciphertexts(0x000), 0u);
}

TEST(Parts, FilesReadBackTheSame) {
  const Bench& bench = Bench::get();
  std::vector<PartsUpload> images;
  for (const unsigned pattern : {0x3FFu, 0x101u, 0x000u}) {
    Parts image = parts(pattern);
    if (image.index[1] < 0) image.levels[1] = {9};
    images.push_back(encrypt_parts(bench.client, bench.secret, image, kGroup, kAffine));
  }
  const Bytes file = write_parts_file(*bench.client.context(), images);
  EXPECT_EQ(ckks::kind_of(file), ckks::Kind::kPartsInput);
  const auto read = read_parts_file(file, *bench.client.context());
  ASSERT_EQ(read.size(), images.size());
  for (std::size_t i = 0; i < read.size(); ++i) {
    EXPECT_EQ(read[i].index, images[i].index);
    EXPECT_EQ(read[i].clear, images[i].clear);
  }
  EXPECT_EQ(write_parts_file(*bench.client.context(), read), file);
  const auto logits = bench.client.decrypt(bench.secret, bench.server.run(read[1], bench.keys));
  Parts image = parts(0x101);
  image.levels[1] = {9};
  EXPECT_NEAR(logits[0], expected(image)[0], bench.bound());
  for (std::size_t cut = 0; cut < file.size(); cut += 997) {
    EXPECT_THROW(read_parts_file(std::span(file).first(cut), *bench.client.context()), FormatError) << cut;
  }
  EXPECT_THROW(ckks::read_input_file(file, *bench.client.context()), FormatError);
  EXPECT_THROW(write_parts_file(*bench.client.context(), {}), InvalidArgument);
}

TEST(Parts, RefusesWhatDoesNotFit) {
  const Bench& bench = Bench::get();
  const auto upload = [&](const Parts& image) {
    return encrypt_parts(bench.client, bench.secret, image, kGroup, kAffine);
  };
  Parts image = parts(0x3FF);
  image.index[3] = 7;
  EXPECT_THROW(upload(image), InvalidArgument);
  image = parts(0x3FF);
  image.levels[2] = {1};  // one level won't do for a part to encrypt
  EXPECT_THROW(upload(image), InvalidArgument);
  image.levels.pop_back();
  EXPECT_THROW(upload(image), InvalidArgument);
  PartsUpload good = upload(parts(0x00F));
  PartsUpload bad = good;
  bad.encrypted.clear();
  EXPECT_THROW(bench.server.run(bad, bench.keys), InvalidArgument);
  bad = good;
  bad.clear.pop_back();
  EXPECT_THROW(bench.server.run(bad, bench.keys), InvalidArgument);
  bad = good;
  bad.clear[0].pop_back();
  EXPECT_THROW(bench.server.run(bad, bench.keys), InvalidArgument);
  EXPECT_THROW(PartsExecutor(bench.client.context(), bench.compiled.program, 5, kParts, kAffine), InvalidArgument);
  EXPECT_THROW(PartsExecutor(bench.client.context(), bench.compiled.program, kGroup, 3, kAffine), InvalidArgument);
}

}  // namespace
}  // namespace blindsight::runtime
