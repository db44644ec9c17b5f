#include <gtest/gtest.h>

#include <filesystem>
#include <iostream>

#include "blindsight/base/error.h"
#include "blindsight/nn/evaluate.h"
#include "blindsight/nn/import.h"
#include "model_builder.h"

namespace blindsight::nn {
namespace {

std::vector<std::filesystem::path> zoo() {
  std::vector<std::filesystem::path> models;
  const std::filesystem::path folder = std::filesystem::path(BLINDSIGHT_SOURCE_DIR) / "models";
  if (!std::filesystem::is_directory(folder)) return models;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() == ".onnx") models.push_back(entry.path());
  }
  return models;
}

TEST(Zoo, EveryModelImportsAndItsNetworkIsTheGraph) {
  const auto models = zoo();
  if (models.empty()) GTEST_SKIP() << "NO MODELS in " << BLINDSIGHT_SOURCE_DIR << "/models: nothing was tested";
  for (const auto& path : models) {
    SCOPED_TRACE(path.filename().string());
    const Graph graph = import_onnx(path);
    std::cout << graph;
    testing::expect_network_equals_graph(graph);
  }
}

TEST(Zoo, MissingFileIsAnIoError) {
  EXPECT_THROW(import_onnx(std::filesystem::path("/nonexistent/model.onnx")), IoError);
}

}  // namespace
}  // namespace blindsight::nn
