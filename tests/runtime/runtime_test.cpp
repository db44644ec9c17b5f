#include <gtest/gtest.h>

#include <cmath>

#include "blindsight/base/error.h"
#include "blindsight/compiler/compile.h"
#include "blindsight/runtime/client.h"
#include "blindsight/runtime/executor.h"
#include "blindsight/runtime/simulator.h"
#include "random_chain.h"

namespace blindsight::runtime {
namespace {

std::vector<double> simulated(const compiler::Program& p, const std::vector<double>& x,
                              std::optional<std::uint64_t> seed = std::nullopt) {
  return unpack(p.output, simulate(p, pack(p.input, x, p.input_elements), seed), p.output_elements);
}

TEST(Simulator, EqualsTheChainForRandomChains) {
  const std::vector<std::vector<std::size_t>> shapes{
      {10, 10}, {33, 7, 3}, {64, 40, 20, 5}, {200, 100, 10}, {5, 300, 4}};
  for (std::size_t i = 0; i < shapes.size(); ++i) {
    const auto chain = test::random_chain(i, shapes[i], i % 2 == 0 ? 1.0 : 0.4);
    const auto program = compiler::compile(chain, {.precision = 0.05, .input_bound = 1}).program;
    for (std::uint64_t seed = 0; seed < 3; ++seed) {
      const auto x = test::random_vector(seed, shapes[i][0]);
      const auto want = nn::evaluate(chain, x);
      const auto got = simulated(program, x);
      for (std::size_t j = 0; j < want.size(); ++j) EXPECT_NEAR(got[j], want[j], 1e-9 * (1 + std::abs(want[j])));
    }
  }
}

struct Encrypted {
  nn::QuadraticChain chain = test::random_chain(21, {40, 24, 12, 6});
  compiler::Compiled compiled = compiler::compile(chain, {.precision = 0.02, .input_bound = 1});
  std::shared_ptr<const compiler::Program> program = std::make_shared<compiler::Program>(compiled.program);
  Client client{compiler::make_manifest(*program, "")};
  ckks::SecretKey secret{client.context()};
  ckks::EvaluationKeys keys = ckks::make_evaluation_keys(secret, client.manifest().keys);
  Executor executor{client.context(), program};
};

TEST(Executor, AgreesWithTheSimulatorWithinThePredictedError) {
  const Encrypted e;
  double encrypted = 0, noisy = 0;
  constexpr int kRuns = 8;
  for (std::uint64_t seed = 0; seed < kRuns; ++seed) {
    const auto x = test::random_vector(seed, 40);
    const auto want = simulated(*e.program, x);
    const auto got = e.client.decrypt(
        e.secret, e.executor.run(ckks::expand(*e.client.context(), e.client.encrypt(e.secret, x)), e.keys));
    const auto model = simulated(*e.program, x, seed);
    for (std::size_t j = 0; j < want.size(); ++j) {
      EXPECT_LT(std::abs(got[j] - want[j]), 6 * e.compiled.report.predicted_logit_error);
      encrypted += std::pow(got[j] - want[j], 2);
      noisy += std::pow(model[j] - want[j], 2);
    }
  }
  EXPECT_LT(std::sqrt(encrypted), 2.5 * std::sqrt(noisy));
  EXPECT_LT(std::sqrt(noisy), 2.5 * std::sqrt(encrypted));
}

TEST(Executor, RefusesMissingKeysAndForeignInputs) {
  const Encrypted e;
  const auto input = ckks::expand(*e.client.context(), e.client.encrypt(e.secret, test::random_vector(1, 40)));
  ckks::EvaluationKeys none = e.keys;
  none.galois.clear();
  EXPECT_THROW(e.executor.run(input, none), KeyMismatch);
  none = e.keys;
  none.relinearisation.clear();
  EXPECT_THROW(e.executor.run(input, none), KeyMismatch);
  ckks::Ciphertext wrong = input;
  wrong.scale *= 2;
  EXPECT_THROW(e.executor.run(wrong, e.keys), InvalidArgument);
  wrong = input;
  ckks::Evaluator(e.client.context()).drop_to_level_inplace(wrong, 1);
  EXPECT_THROW(e.executor.run(wrong, e.keys), InvalidArgument);
  EXPECT_THROW(e.client.encrypt(e.secret, test::random_vector(1, 41)), InvalidArgument);
}

TEST(Client, SoftmaxSumsToOne) {
  const auto p = softmax(std::vector<double>{1000, 1001, 999});
  EXPECT_NEAR(p[0] + p[1] + p[2], 1, 1e-12);
  EXPECT_NEAR(p[1] / p[0], std::exp(1), 1e-9);
}

}  // namespace
}  // namespace blindsight::runtime
