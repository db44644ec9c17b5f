// Weights that repeat with every position, through compiler, simulator and encryption.
#include "helical.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <memory>

#include "blindsight/compiler/compile.h"
#include "logits.h"

namespace blindsight::runtime {
namespace {

TEST(Helical, WeightsOfOnePositionGiveTheNetworksLogits) {
  const nn::QuadraticNetwork network = test::helical_network({3, 16, 16}, {16, 16});
  compiler::Options options{.precision = 0.05, .log_n = 13};
  for (std::uint64_t i = 0; i < 8; ++i) options.calibration.push_back(test::uniform(i, 3 * 16 * 16, 0.1));
  const compiler::Compiled compiled = compiler::compile(network, options);
  const auto program = std::make_shared<const compiler::Program>(compiled.program);
  std::size_t longest = 0;
  for (const ckks::Diagonal& d : program->maps[1].diagonals) longest = std::max(longest, d.period());
  EXPECT_EQ(longest, 16u);

  const auto x = test::uniform(100, 3 * 16 * 16, 0.1);
  const std::vector<double> clear = nn::evaluate_stages(network, x).back();
  const auto simulated = test::simulated_logits(*program, x);
  ASSERT_EQ(simulated.size(), clear.size());
  double size = 1;
  for (const double v : clear) size = std::max(size, std::abs(v));
  for (std::size_t j = 0; j < clear.size(); ++j) EXPECT_NEAR(simulated[j], clear[j], 1e-9 * size);

  const auto got = test::encrypted_logits(program, x);
  ASSERT_EQ(got.size(), clear.size());
  constexpr double kLargest = 8;
  for (std::size_t j = 0; j < got.size(); ++j) {
    EXPECT_NEAR(got[j], simulated[j], kLargest * compiled.report.predicted_logit_error) << "logit " << j;
  }
}

}  // namespace
}  // namespace blindsight::runtime
