// The shipped networks: compiled, their program gives the clear network's values; the images that the project draws
// make values as large as the training images did.
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "blindsight/compiler/compile.h"
#include "blindsight/nn/evaluate.h"
#include "blindsight/nn/import.h"
#include "blindsight/runtime/client.h"
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
  const auto range = nlohmann::json::parse(in).at("range");
  for (std::size_t i = 1; i < model.network.stages.size(); ++i) {
    model.ranges.push_back(range.at("before_square_" + std::to_string(i)));
  }
  model.ranges.push_back(range.at("logits"));
  return model;
}

class Zoo : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    path_ = fs::path(BLINDSIGHT_SOURCE_DIR) / "models" / (std::string(GetParam()) + ".onnx");
    if (!fs::exists(path_)) GTEST_SKIP() << path_ << " is not there";
  }
  fs::path path_;
};

TEST_P(Zoo, DrawnImagesReachTheRangesOfRealOnes) {
  const ZooModel model = load(path_);
  std::vector<double> largest(model.network.stages.size(), 0.0);
  for (const auto& x : model.drawn) {
    const auto values = nn::evaluate_stages(model.network, x);
    for (std::size_t i = 0; i < values.size(); ++i) {
      for (const double v : values[i]) largest[i] = std::max(largest[i], std::abs(v));
    }
  }
  // The card's ranges are the largest of all training images; logits have the heaviest tail.
  for (std::size_t i = 0; i < largest.size(); ++i) {
    const double short_by = i + 1 < largest.size() ? 2.5 : 4;
    EXPECT_GT(largest[i], model.ranges[i] / short_by) << model.network.stages[i].name;
    EXPECT_LT(largest[i], model.ranges[i] * 2.5) << model.network.stages[i].name;
  }
}

TEST_P(Zoo, SimulatesToTheClearValue) {
  const ZooModel model = load(path_);
  const auto compiled = compiler::compile(model.network, {.calibration = model.drawn, .log_n = 13});
  EXPECT_LE(compiled.report.key_switches, std::string(GetParam()).starts_with("tenseal") ? 30u : 40u);
  EXPECT_LE(compiled.report.input_bytes, 200'000u);
  EXPECT_LE(compiled.report.result_bytes, 70'000u);
  EXPECT_LE(compiled.report.evaluation_key_bytes, 25'000'000u);
  const auto& p = compiled.program;
  for (std::uint64_t seed = 0; seed < 5; ++seed) {
    const auto x = test::uniform(seed, p.input_elements);
    const auto want = nn::evaluate(model.graph, {model.graph.input_shape, x}).data;
    const auto got = unpack(p.output, simulate(p, pack(p.input, x, p.input_elements)), p.output_elements);
    for (std::size_t j = 0; j < want.size(); ++j) EXPECT_NEAR(got[j], want[j], 1e-9 * (1 + std::abs(want[j])));
  }
}

INSTANTIATE_TEST_SUITE_P(All, Zoo,
                         testing::Values("tenseal-mnist", "tenseal-fashion", "tenseal-kmnist", "cryptondl-mnist",
                                         "cryptondl-fashion", "cryptondl-kmnist"));

}  // namespace
}  // namespace blindsight::runtime
