#include <gtest/gtest.h>

#include <cmath>

#include "blindsight/base/error.h"
#include "blindsight/runtime/client.h"
#include "blindsight/runtime/executor.h"
#include "blindsight/runtime/gaussian.h"
#include "blindsight/runtime/simulator.h"
#include "hand_made.h"

namespace blindsight::runtime {
namespace {

using test::uniform;

/// With diagonals one by one, and in pairs.
class EitherProgram : public testing::TestWithParam<bool> {
 protected:
  static compiler::Program program() { return GetParam() ? test::paired_program() : test::hand_made_program(); }
};
INSTANTIATE_TEST_SUITE_P(Diagonals, EitherProgram, testing::Bool(),
                         [](const auto& info) { return info.param ? "InPairs" : "OneByOne"; });

TEST_P(EitherProgram, IsSimulatedAsItSays) {
  const compiler::Program p = program();
  const Simulator simulator(std::make_shared<const compiler::Program>(p));
  for (std::uint64_t seed = 0; seed < 3; ++seed) {
    const auto x = uniform(seed, 2 * p.slots());
    const auto want = test::run_plainly(p, x);
    const auto got = simulator.run(x);
    ASSERT_EQ(got.size(), want.size());
    for (std::size_t s = 0; s < want.size(); ++s) ASSERT_NEAR(got[s], want[s], 1e-12 * (1 + std::abs(want[s]))) << s;
  }
  EXPECT_THROW(simulator.run(uniform(1, p.slots())), InvalidArgument);
}

TEST(Simulator, NoiseIsItsSeeds) {
  const compiler::Program p = test::hand_made_program();
  const auto x = uniform(1, 2 * p.slots());
  EXPECT_EQ(simulate(p, x, 5), simulate(p, x, 5));
  EXPECT_NE(simulate(p, x, 5), simulate(p, x, 6));
  EXPECT_NE(simulate(p, x, 5), simulate(p, x));
}

TEST(Gaussian, HasUnitVarianceAndNoMean) {
  Gaussian gaussian(1);
  double sum = 0, square = 0, fourth = 0;
  constexpr int kCount = 400'000;
  for (int i = 0; i < kCount; ++i) {
    const double v = gaussian();
    sum += v;
    square += v * v;
    fourth += v * v * v * v;
  }
  EXPECT_NEAR(sum / kCount, 0, 5 / std::sqrt(kCount));
  EXPECT_NEAR(square / kCount, 1, 5 * std::sqrt(2.0 / kCount));
  EXPECT_NEAR(fourth / kCount, 2.85, 0.1);  // 3 − 6/5/8 for sums of eight uniform numbers
}

struct Encrypted {
  explicit Encrypted(compiler::Program made = test::hand_made_program())
      : program(std::make_shared<const compiler::Program>(std::move(made))) {}
  std::shared_ptr<const compiler::Program> program;
  Client client{compiler::make_manifest(*program, "")};
  ckks::SecretKey secret{client.context()};
  ckks::EvaluationKeys keys = ckks::make_evaluation_keys(secret, client.manifest().keys);

  std::vector<ckks::Ciphertext> input(std::uint64_t seed) const {
    return expand(*client.context(), client.encrypt(secret, uniform(seed, program->input_elements)));
  }
  std::vector<double> clear(std::uint64_t seed, std::optional<std::uint64_t> noise = std::nullopt) const {
    const auto slots = pack(program->input, uniform(seed, program->input_elements), program->input_elements);
    return unpack(program->output, simulate(*program, slots, noise), program->output_elements);
  }
};

TEST_P(EitherProgram, RunsAsItIsSimulated) {
  const Encrypted e(program());
  const Executor executor(e.client.context(), e.program);
  double encrypted = 0, noisy = 0;
  for (std::uint64_t seed = 0; seed < 8; ++seed) {
    const auto want = e.clear(seed);
    const auto model = e.clear(seed, seed);
    const auto got = e.client.decrypt(e.secret, executor.run(e.input(seed), e.keys));
    ASSERT_EQ(got.size(), 24u);
    for (std::size_t j = 0; j < want.size(); ++j) {
      EXPECT_NEAR(got[j], want[j], j < 16 ? 2e-2 : 1e-4) << j;
      if (j >= 16) continue;  // the second result has gone through nothing
      encrypted += std::pow(got[j] - want[j], 2);
      noisy += std::pow(model[j] - want[j], 2);
    }
  }
  RecordProperty("encrypted", std::to_string(std::sqrt(encrypted / 128)));
  RecordProperty("simulated", std::to_string(std::sqrt(noisy / 128)));
  EXPECT_LT(std::sqrt(encrypted), 1.6 * std::sqrt(noisy));
  EXPECT_LT(std::sqrt(noisy), 1.6 * std::sqrt(encrypted));
}

TEST(Executor, WeightsKeptOrEncodedOnTheFlyGiveTheSame) {
  const Encrypted e;
  const Executor kept(e.client.context(), e.program);
  const Executor none(e.client.context(), e.program, 1);
  const std::size_t total = kept.memory().total();
  const Executor some(e.client.context(), e.program, total - kept.memory().weights / 2);
  EXPECT_EQ(none.memory().weights, 0u);
  EXPECT_GT(some.memory().weights, 0u);
  EXPECT_LT(some.memory().weights, kept.memory().weights);
  const auto x = e.input(3);
  const auto a = e.client.decrypt(e.secret, kept.run(x, e.keys));
  EXPECT_EQ(a, e.client.decrypt(e.secret, none.run(x, e.keys)));
  EXPECT_EQ(a, e.client.decrypt(e.secret, some.run(x, e.keys)));
}

TEST(Executor, TimesEveryOperation) {
  const Encrypted e;
  const Executor executor(e.client.context(), e.program);
  std::vector<OpTime> times;
  executor.run(e.input(1), e.keys, &times);
  ASSERT_EQ(times.size(), e.program->ops.size());
  double end = 0;
  for (std::size_t i = 0; i < times.size(); ++i) {
    EXPECT_EQ(times[i].op, i);
    EXPECT_GE(times[i].start, end);
    EXPECT_GT(times[i].seconds, 0);
    end = times[i].start + times[i].seconds;
  }
}

TEST(Executor, RefusesMissingKeysAndForeignInputs) {
  const Encrypted e;
  const Executor executor(e.client.context(), e.program);
  const auto input = e.input(1);
  ckks::EvaluationKeys none = e.keys;
  none.galois.clear();
  EXPECT_THROW(executor.run(input, none), KeyMismatch);
  none = e.keys;
  none.relinearisation.clear();
  EXPECT_THROW(executor.run(input, none), KeyMismatch);
  auto wrong = input;
  wrong[1].scale *= 2;
  EXPECT_THROW(executor.run(wrong, e.keys), InvalidArgument);
  wrong = input;
  ckks::Evaluator(e.client.context()).drop_to_level_inplace(wrong[0], 1);
  EXPECT_THROW(executor.run(wrong, e.keys), InvalidArgument);
  wrong = input;
  wrong.pop_back();
  EXPECT_THROW(executor.run(wrong, e.keys), InvalidArgument);
  wrong = input;
  wrong[0].parts.clear();
  EXPECT_THROW(executor.run(wrong, e.keys), InvalidArgument);
  EXPECT_THROW(e.client.encrypt(e.secret, uniform(1, 41)), InvalidArgument);
  EXPECT_THROW(e.client.decrypt(e.secret, std::span(input).first(1)), InvalidArgument);
  const auto other = ckks::Context::create(ckks::ParametersLiteral::from_bits(13, {40, 40, 40}, {45}));
  EXPECT_THROW(Executor(other, e.program), KeyMismatch);
}

TEST(Client, PacksCiphertextAfterCiphertext) {
  const compiler::Layout layout{{0, 2, compiler::kZero, 1, compiler::kAnything, 2, 0, 0}};
  const std::vector<double> tensor{5, 6, 7};
  const auto slots = pack(layout, tensor, 3);
  EXPECT_EQ(slots, (std::vector<double>{5, 7, 0, 6, 0, 7, 5, 5}));
  EXPECT_EQ(unpack(layout, slots, 3), tensor);
  EXPECT_THROW(pack(layout, tensor, 2), InvalidArgument);
  EXPECT_THROW(unpack(layout, slots, 4), InvalidArgument);
  EXPECT_THROW(unpack(layout, std::span(slots).first(7), 3), InvalidArgument);
}

TEST(Client, SoftmaxSumsToOne) {
  const auto p = softmax(std::vector<double>{1000, 1001, 999});
  EXPECT_NEAR(p[0] + p[1] + p[2], 1, 1e-12);
  EXPECT_NEAR(p[1] / p[0], std::exp(1), 1e-9);
}

}  // namespace
}  // namespace blindsight::runtime
