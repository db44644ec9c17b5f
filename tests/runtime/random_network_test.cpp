// Small random networks with branches: compiled, simulated, encrypted. BLINDSIGHT_CASES=N tries N instead of a few.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>

#include "blindsight/compiler/compile.h"
#include "blindsight/nn/evaluate.h"
#include "blindsight/runtime/client.h"
#include "blindsight/runtime/executor.h"
#include "blindsight/runtime/simulator.h"
#include "hand_made.h"
#include "random_graph.h"

namespace blindsight::runtime {
namespace {

std::uint64_t cases(std::uint64_t otherwise) {
  const char* chosen = std::getenv("BLINDSIGHT_CASES");
  return chosen != nullptr ? std::strtoull(chosen, nullptr, 10) : otherwise;
}

struct Case {
  nn::Graph graph;
  compiler::Compiled compiled;
  explicit Case(std::uint64_t seed)
      : graph(nn::testing::RandomGraph(seed).build()),
        compiled(compiler::compile(nn::to_network(graph),
                                   {.precision = 0.02, .calibration = {input(1), input(2), input(3), input(4)}})) {}
  std::vector<double> input(std::uint64_t seed) const {
    return test::uniform(seed, static_cast<std::size_t>(nn::element_count(graph.input_shape)));
  }
  std::vector<double> clear(const std::vector<double>& x) const {
    return nn::evaluate(graph, {graph.input_shape, x}).data;
  }
};

TEST(RandomNetworks, SimulateToTheClearValue) {
  for (std::uint64_t seed = 0; seed < cases(40); ++seed) {
    SCOPED_TRACE(seed);
    const Case c(seed);
    const compiler::Program& p = c.compiled.program;
    const auto x = c.input(100 + seed);
    const auto want = c.clear(x);
    const auto got = unpack(p.output, simulate(p, pack(p.input, x, p.input_elements)), p.output_elements);
    ASSERT_EQ(got.size(), want.size());
    double size = 1;
    for (const double v : want) size = std::max(size, std::abs(v));
    for (std::size_t j = 0; j < want.size(); ++j) EXPECT_NEAR(got[j], want[j], 1e-9 * size);
  }
}

TEST(RandomNetworks, DecryptToTheClearValueWithinThePredictedError) {
  for (std::uint64_t seed = 0; seed < cases(6); ++seed) {
    SCOPED_TRACE(seed);
    const Case c(seed);
    const auto program = std::make_shared<const compiler::Program>(c.compiled.program);
    const Client client(compiler::make_manifest(*program, ""));
    const ckks::SecretKey secret(client.context());
    const auto keys = ckks::make_evaluation_keys(secret, client.manifest().keys);
    const Executor executor(client.context(), program);
    const auto x = c.input(100 + seed);
    const auto want = c.clear(x);
    const auto got = client.decrypt(secret, executor.run(expand(*client.context(), client.encrypt(secret, x)), keys));
    for (std::size_t j = 0; j < want.size(); ++j) {
      EXPECT_NEAR(got[j], want[j], 6 * c.compiled.report.predicted_logit_error);
    }
  }
}

}  // namespace
}  // namespace blindsight::runtime
