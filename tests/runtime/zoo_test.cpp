// The shipped networks: compiled, their program gives the clear network's values.
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "blindsight/compiler/compile.h"
#include "blindsight/nn/import.h"
#include "blindsight/runtime/client.h"
#include "blindsight/runtime/simulator.h"
#include "random_chain.h"

namespace blindsight::runtime {
namespace {

/// The bounds that the card states, as `compile` uses them.
std::vector<double> ranges_of(const std::filesystem::path& card) {
  std::ifstream in(card);
  const auto range = nlohmann::json::parse(in).at("range");
  return {range.at("before_square_1"), range.at("before_square_2"), range.at("logits")};
}

class Zoo : public testing::TestWithParam<const char*> {};

TEST_P(Zoo, SimulatesToTheClearValue) {
  const auto path = std::filesystem::path(BLINDSIGHT_SOURCE_DIR) / "models" / (std::string(GetParam()) + ".onnx");
  if (!std::filesystem::exists(path)) GTEST_SKIP() << path << " is not there";
  const auto chain = nn::to_chain(nn::import_onnx(path));
  const auto compiled = compiler::compile(
      chain, {.ranges = ranges_of(std::filesystem::path(path).replace_extension(".json")), .log_n = 13});
  EXPECT_LE(compiled.report.key_switches, std::string(GetParam()).starts_with("tenseal") ? 30u : 40u);
  EXPECT_LE(compiled.report.input_bytes, 200'000u);
  EXPECT_LE(compiled.report.result_bytes, 70'000u);
  EXPECT_LE(compiled.report.evaluation_key_bytes, 25'000'000u);
  const auto& p = compiled.program;
  for (std::uint64_t seed = 0; seed < 5; ++seed) {
    const auto x = test::random_vector(seed, p.input_elements);
    const auto want = nn::evaluate(chain, x);
    const auto got = unpack(p.output, simulate(p, pack(p.input, x, p.input_elements)), p.output_elements);
    for (std::size_t j = 0; j < want.size(); ++j) EXPECT_NEAR(got[j], want[j], 1e-9 * (1 + std::abs(want[j])));
  }
}

INSTANTIATE_TEST_SUITE_P(All, Zoo,
                         testing::Values("tenseal-mnist", "tenseal-fashion", "tenseal-kmnist", "cryptondl-mnist",
                                         "cryptondl-fashion", "cryptondl-kmnist"));

}  // namespace
}  // namespace blindsight::runtime
