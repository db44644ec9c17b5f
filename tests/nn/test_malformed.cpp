#include <gtest/gtest.h>

#include <algorithm>

#include "blindsight/base/error.h"
#include "blindsight/nn/import.h"
#include "blindsight/nn/network.h"
#include "model_builder.h"

namespace blindsight::nn {
namespace {

using namespace testing;

/// Imports damaged bytes: any of our errors will do, nothing else.
void expect_survival(const Bytes& bytes) {
  try {
    const Graph graph = import_onnx(bytes, "damaged.onnx");
    if (element_count(graph.input_shape) <= 4096 && graph.nodes.size() < 64) to_network(graph);
  } catch (const Error&) {
  }
}

TEST(Malformed, EmptyAndForeignBytes) {
  EXPECT_THROW(import_onnx(Bytes{}, "empty"), FormatError);
  const std::string text = "\x89PNG\r\n\x1a\n this is a picture";
  EXPECT_THROW(import_onnx(Bytes(text.begin(), text.end()), "picture"), FormatError);
}

TEST(Malformed, EveryTruncation) {
  const Bytes bytes = sample_network().bytes();
  for (std::size_t size = 0; size < bytes.size(); size += 1 + size / 512) {
    expect_survival(Bytes(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size)));
  }
}

TEST(Malformed, RandomBitFlips) {
  const Bytes bytes = sample_network().bytes();
  Random random(99);
  for (int round = 0; round < 3000; ++round) {
    Bytes damaged = bytes;
    for (std::int64_t flips = random.integer(1, 8); flips > 0; --flips) {
      // Half of the flips go to the nodes at the front, the rest anywhere: weights are most of the file.
      const auto end = static_cast<std::int64_t>(damaged.size()) - 1;
      damaged[random.integer(0, random.integer(0, 1) ? std::min<std::int64_t>(end, 1000) : end)] ^=
          static_cast<std::uint8_t>(1 << random.integer(0, 7));
    }
    expect_survival(damaged);
  }
}

TEST(Malformed, CyclesAndUnknownTensors) {
  ModelBuilder model({1, 1, 2, 2});
  model.node("Add", "first", {"x", "second"});
  model.node("Add", "second", {"x", "first"});
  EXPECT_THROW(model.import(), FormatError);
}

}  // namespace
}  // namespace blindsight::nn
