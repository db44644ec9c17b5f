// The reference networks with the data they were trained for; skipped, loudly, where $BLINDSIGHT_DATA is not there.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <iostream>

#include "blindsight/base/error.h"
#include "blindsight/nn/evaluate.h"
#include "blindsight/nn/import.h"
#include "blindsight/nn/network.h"
#include "blindsight/vision/card.h"
#include "blindsight/vision/dataset.h"
#include "blindsight/vision/preprocess.h"
#include "model_builder.h"

namespace blindsight::nn {
namespace {

using namespace testing;

class ReferenceNetworks : public ::testing::Test {
 protected:
  void SetUp() override {
    const char* data = std::getenv("BLINDSIGHT_DATA");
    if (!data || !std::filesystem::exists(std::filesystem::path(data) / "models/resnet20-quadratic-aespa.onnx")) {
      GTEST_SKIP() << "NO REFERENCE NETWORKS: set BLINDSIGHT_DATA; nothing was tested";
    }
    data_ = data;
  }

  std::filesystem::path data_;
};

std::size_t largest(const Doubles& values) { return std::max_element(values.begin(), values.end()) - values.begin(); }

TEST_F(ReferenceNetworks, QuadraticResNet20IsTwentyStages) {
  const Graph graph = import_onnx(data_ / "models/resnet20-quadratic-aespa.onnx");
  const QuadraticNetwork network = to_network(graph);
  expect_well_formed(network);
  ASSERT_EQ(network.stages.size(), 20u);
  EXPECT_EQ(network.depth(), 20u);
  std::size_t unsquared = 0;
  for (const Stage& stage : network.stages) {
    EXPECT_LE(stage.terms.size(), 2u);
    for (const StageTerm& term : stage.terms) unsquared += !term.squared;
    if (stage.terms.size() == 2) {
      EXPECT_LE(stage.terms[0].matrix.nonzeros(), 16384u) << stage.name;  // the shortcut
    }
  }
  EXPECT_EQ(unsquared, 1u);  // the input's
  expect_network_equals_graph(graph);
}

TEST_F(ReferenceNetworks, QuadraticResNet20ClassifiesCifar10) {
  if (!std::filesystem::is_directory(data_ / "cifar-10")) GTEST_SKIP() << "NO CIFAR-10: nothing was tested";
  const Graph graph = import_onnx(data_ / "models/resnet20-quadratic-aespa.onnx");
  const vision::Card card = vision::read_card(data_ / "models/resnet20-quadratic-aespa.json");
  const vision::Dataset images = vision::load_dataset("cifar-10", "test", data_);
  const char* wanted = std::getenv("BLINDSIGHT_TEST_IMAGES");
  const std::size_t count = std::min<std::size_t>(wanted ? std::strtoul(wanted, nullptr, 10) : 500, images.size());
  std::size_t right = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const Tensor x{graph.input_shape, vision::preprocess(images.image(i), card)};
    right += largest(evaluate(graph, x).data) == images.targets[i];
  }
  const double accuracy = static_cast<double>(right) / static_cast<double>(count);
  RecordProperty("accuracy", std::to_string(accuracy));
  std::cout << right << " of " << count << " right\n";
  // Three standard deviations of a sample of that size around the 91.91 % of the whole test set.
  EXPECT_NEAR(accuracy, 0.9191, count == images.size() ? 0.0002 : 3 * std::sqrt(0.9191 * 0.0809 / count));
}

TEST_F(ReferenceNetworks, ReluNetworksAreRefusedByName) {
  for (const char* name : {"resnet20-relu-lowmem.onnx", "ace-resnet20_cifar10_pre.onnx"}) {
    try {
      import_onnx(data_ / "models" / name);
      FAIL() << name;
    } catch (const UnsupportedModel& error) {
      EXPECT_NE(std::string(error.what()).find("(Relu)"), std::string::npos) << error.what();
      EXPECT_NE(std::string(error.what()).find("x*x"), std::string::npos) << error.what();
    }
  }
}

}  // namespace
}  // namespace blindsight::nn
