// The shipped networks: compiled, their program gives the clear network's values; the images that the project draws
// make values as large as the training images did.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "blindsight/compiler/compile.h"
#include "blindsight/nn/evaluate.h"
#include "blindsight/nn/import.h"
#include "blindsight/runtime/client.h"
#include "blindsight/runtime/executor.h"
#include "blindsight/runtime/simulator.h"
#include "blindsight/vision/calibration_images.h"
#include "blindsight/vision/preprocess.h"
#include "hand_made.h"

namespace blindsight::runtime {
namespace {

namespace fs = std::filesystem;

struct ZooModel {
  nn::Graph graph;
  nn::QuadraticNetwork network;
  std::vector<std::vector<double>> drawn;
  std::vector<double> ranges;  ///< the card's: before each square, then of the logits, over the training images
};

ZooModel load(const fs::path& onnx) {
  ZooModel model;
  const fs::path card_file = fs::path(onnx).replace_extension(".json");
  model.graph = nn::import_onnx(onnx);
  model.network = nn::to_network(model.graph);
  const vision::Card card = vision::read_card(card_file);
  for (const vision::Image& image : vision::calibration_images(card.preprocess)) {
    model.drawn.push_back(vision::preprocess(image, card));
  }
  std::ifstream in(card_file);
  const auto card_json = nlohmann::json::parse(in);
  if (!card_json.contains("range")) return model;
  const auto& range = card_json.at("range");
  for (std::size_t i = 1; i < model.network.stages.size(); ++i) {
    model.ranges.push_back(range.at("before_square_" + std::to_string(i)));
  }
  model.ranges.push_back(range.at("logits"));
  return model;
}

/// Names of the networks in models/.
std::vector<std::string> zoo() {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(fs::path(BLINDSIGHT_SOURCE_DIR) / "models")) {
    if (entry.path().extension() == ".onnx") names.push_back(entry.path().stem().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

class Zoo : public testing::TestWithParam<std::string> {
 protected:
  fs::path path_ = fs::path(BLINDSIGHT_SOURCE_DIR) / "models" / (GetParam() + ".onnx");
};

TEST_P(Zoo, DrawnImagesReachTheRangesOfRealOnes) {
  const ZooModel model = load(path_);
  if (model.ranges.empty()) GTEST_SKIP() << "the card names no ranges";
  std::vector<double> largest(model.network.stages.size(), 0.0);
  for (const auto& x : model.drawn) {
    const auto values = nn::evaluate_stages(model.network, x);
    for (std::size_t i = 0; i < values.size(); ++i) {
      for (const double v : values[i]) largest[i] = std::max(largest[i], std::abs(v));
    }
  }
  // The card's ranges are the largest of all training images; every square makes the tail heavier, and the logits have
  // the heaviest.
  // Some steel surfaces are more regular than anything drawn: a factor of two in the ranges and one in the moduli hold
  // them.
  const bool steel = GetParam().starts_with("neu");
  const double tail = steel ? 3.25 : 2.5, beyond = steel ? 3.25 : 2.5;
  for (std::size_t i = 0; i < largest.size(); ++i) {
    const double short_by = (i + 1 < largest.size() ? tail : 4) * std::exp2(std::max(0.0, static_cast<double>(i) - 2));
    EXPECT_GT(largest[i], model.ranges[i] / short_by) << model.network.stages[i].name;
    EXPECT_LT(largest[i], model.ranges[i] * beyond) << model.network.stages[i].name;
  }
}

/// Of a digit network: one convolution and two dense layers.
void expect_small(const compiler::Report& report, const std::string& name) {
  EXPECT_LE(report.log_n, 13u);
  EXPECT_LE(report.key_switches, name.starts_with("tenseal") ? 40u : 48u);
  EXPECT_LE(report.input_bytes, 200'000u);
  EXPECT_LE(report.result_bytes, 70'000u);
  EXPECT_LE(report.evaluation_key_bytes, 25'000'000u);
}

std::vector<double> clear(const ZooModel& model, const std::vector<double>& x) {
  return nn::evaluate(model.graph, {model.graph.input_shape, x}).data;
}

bool overflows(const std::vector<double>& logits) {
  return std::any_of(logits.begin(), logits.end(), [](double v) { return !(std::abs(v) < 1e30); });
}

constexpr std::uint64_t kNoisyRuns = 8;

double mean_square_difference(const std::vector<double>& a, const std::vector<double>& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += std::pow(a[i] - b[i], 2);
  return sum / static_cast<double>(a.size());
}

TEST_P(Zoo, SimulatedIsClearAndEncryptedIsWithinThePredictedError) {
  const ZooModel model = load(path_);
  const auto compiled = compiler::compile(model.network, {.calibration = model.drawn});
  const bool of_digits = GetParam().starts_with("tenseal") || GetParam().starts_with("cryptondl");
  if (of_digits) expect_small(compiled.report, GetParam());
  const auto program = std::make_shared<const compiler::Program>(compiled.program);
  const Simulator simulator(program);
  const auto simulated = [&](const std::vector<double>& x) {
    return unpack(program->output, simulator.run(pack(program->input, x, program->input_elements)),
                  program->output_elements);
  };
  const auto expect_clear = [&](const std::vector<double>& x) {
    const auto want = clear(model, x);
    const auto got = simulated(x);
    for (std::size_t j = 0; j < want.size(); ++j) EXPECT_NEAR(got[j], want[j], 1e-9 * (1 + std::abs(want[j])));
  };
  for (std::size_t i = 0; i < 3; ++i) {
    expect_clear(model.drawn[i * model.drawn.size() / 3]);
    const auto noise = test::uniform(i, program->input_elements);
    if (overflows(clear(model, noise))) {
      EXPECT_EQ(GetParam(), "resnet20-cifar10") << "which alone overflows on noise";
    } else {
      expect_clear(noise);
    }
  }
  const Client client(compiler::make_manifest(*program, ""));
  const ckks::SecretKey secret(client.context());
  const auto keys = ckks::make_evaluation_keys(secret, client.manifest().keys);
  const Executor executor(client.context(), program);
  // What a square adds to an error grows with what is squared: the prediction is for the mean of all images, drawn ones
  // have some as extreme as there are, so each is held to what the same noise does to it in the clear.
  double measured = 0;
  for (std::size_t i = 0; i < 2; ++i) {
    const auto& x = model.drawn[i * model.drawn.size() / 2];
    const auto want = clear(model, x);
    const auto packed = pack(program->input, x, program->input_elements);
    double expected = 0;
    for (std::uint64_t seed = 0; seed < kNoisyRuns; ++seed) {
      const auto noisy = unpack(program->output, simulator.run(packed, seed), program->output_elements);
      expected += mean_square_difference(noisy, want) / kNoisyRuns;
    }
    expected = std::sqrt(expected);
    const auto got = client.decrypt(secret, executor.run(expand(*client.context(), client.encrypt(secret, x)), keys));
    for (std::size_t j = 0; j < want.size(); ++j) EXPECT_NEAR(got[j], want[j], 6 * expected) << "logit " << j;
    measured += mean_square_difference(got, want) / 2;
  }
  const double ratio = std::sqrt(measured) / compiled.report.predicted_logit_error;
  RecordProperty("measured_over_predicted", std::to_string(ratio));
  EXPECT_GE(ratio, 1.0 / 50);
}

std::string test_name(const testing::TestParamInfo<std::string>& info) {
  std::string name = info.param;
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}
INSTANTIATE_TEST_SUITE_P(All, Zoo, testing::ValuesIn(zoo()), test_name);

/// The whole ResNet-20 of $BLINDSIGHT_DATA. Takes minutes: run by ctest under the label `slow`.
TEST(ReferenceNetwork, ResNet20CompilesWithoutBootstrappingAndSimulates) {
  if (std::getenv("BLINDSIGHT_SLOW_TESTS") == nullptr) GTEST_SKIP() << "SLOW: set BLINDSIGHT_SLOW_TESTS=1 to run it";
  const char* data = std::getenv("BLINDSIGHT_DATA");
  const fs::path path = fs::path(data == nullptr ? "" : data) / "models" / "resnet20-quadratic-aespa.onnx";
  if (!fs::exists(path)) GTEST_SKIP() << "NO RESNET-20: set BLINDSIGHT_DATA; nothing was tested";
  const ZooModel model = load(path);
  const auto compiled = compiler::compile(model.network, {.calibration = model.drawn});
  EXPECT_EQ(compiled.report.log_n, 16u);
  EXPECT_EQ(compiled.report.depth, 20u);
  EXPECT_LE(compiled.report.log_q + compiled.report.log_p, compiled.report.log_qp_limit);
  EXPECT_LE(compiled.report.evaluation_key_bytes, 2'000'000'000u);
  EXPECT_LE(compiled.report.input_bytes, 12'000'000u);
  const auto& p = compiled.program;
  const auto& x = model.drawn[0];
  const auto want = clear(model, x);
  const auto got = unpack(p.output, simulate(p, pack(p.input, x, p.input_elements)), p.output_elements);
  for (std::size_t j = 0; j < want.size(); ++j) EXPECT_NEAR(got[j], want[j], 1e-8 * (1 + std::abs(want[j])));
}

}  // namespace
}  // namespace blindsight::runtime
