// Images in chunks: `chunk`, and `encrypt`, `infer`, `decrypt`, `classify`, `evaluate` with --chunks.
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <random>

#include "blindsight/vision/image.h"
#include "program.h"

namespace blindsight::cli::test {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr const char* kChunks = "neu-chunks";

/// Grain on the left, nothing on the right: about half of its chunks have features.
vision::Image half_textured(int width, int height) {
  vision::Image image{width, height, 1, {}};
  std::mt19937 random(7);
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      const unsigned grain = random() % 81;
      image.pixels.push_back(static_cast<std::uint8_t>(2 * x < width ? 88 + grain : 128));
    }
  }
  return image;
}

/// Images in a folder that goes away.
class Pictures {
 public:
  Pictures() {
    std::string name = (fs::temp_directory_path() / "blindsight-chunks-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("no temporary folder");
    folder_ = name;
    vision::write_png(folder_ / "half.png", half_textured(112, 112));
    vision::write_png(folder_ / "flat.png", {1, 1, 1, {90}});
    vision::write_png(folder_ / "colour.png", vision::to_rgb(half_textured(150, 90)));
  }
  Pictures(const Pictures&) = delete;
  Pictures& operator=(const Pictures&) = delete;
  ~Pictures() {
    std::error_code ignored;
    fs::remove_all(folder_, ignored);
  }
  std::string operator/(const std::string& name) const { return (folder_ / name).string(); }

 private:
  fs::path folder_;
};

json parsed(const std::vector<std::string>& args) {
  const Result result = program(args);
  EXPECT_EQ(result.status, 0) << result.err;
  return result.status == 0 ? json::parse(result.out) : json();
}

std::size_t features(const json& index) {
  return static_cast<std::size_t>(std::count_if(index.begin(), index.end(), [](const json& i) { return i > 0; }));
}

/// Logits of one image, out of two runs. Their errors, all alike, grow with the image's values, and these are no
/// photographs: a standard deviation of 0.0005 of the largest logit.
void expect_equal(const json& a, const json& b) {
  const auto x = a.get<std::vector<double>>(), y = b.get<std::vector<double>>();
  ASSERT_EQ(x.size(), 6u);
  ASSERT_EQ(y.size(), 6u);
  double largest = 0;
  for (const double logit : y) largest = std::max(largest, std::abs(logit));
  for (std::size_t j = 0; j < 6; ++j) EXPECT_NEAR(x[j], y[j], 0.05 + 5e-3 * largest) << "logit " << j;
}

TEST(Chunk, ExplainsWhatAnObserverSees) {
  const Pictures pictures;
  const std::string seen = pictures / "seen.png";
  const Result result = program({"chunk", "--explain", pictures / "half.png", "-o", seen});
  ASSERT_EQ(result.status, 0) << result.err;
  for (const char* part : {"16 chunks", "which chunks", "% of the image", "variance"}) {
    EXPECT_NE(result.out.find(part), std::string::npos) << part << '\n' << result.out;
  }
  EXPECT_EQ(vision::read_image(seen).width, 448);
  const json half = parsed({"chunk", pictures / "half.png", "--json"});
  EXPECT_EQ(half["index"].size(), 16u);
  EXPECT_GE(features(half["index"]), 8u);
  EXPECT_LT(features(half["index"]), 16u);
  const json dropped = parsed({"chunk", pictures / "half.png", "--json", "--plain-chunks", "drop"});
  EXPECT_GT(half["pixels_in_clear"], 0);
  EXPECT_EQ(dropped["pixels_in_clear"], 0);
}

TEST(Chunk, ThresholdsSizesAndStatistics) {
  const Pictures pictures;
  const auto index = [&](std::vector<std::string> more) {
    more.insert(more.begin(), {"chunk", pictures / "half.png", "--json"});
    return parsed(more)["index"];
  };
  EXPECT_EQ(features(index({"--threshold", "0"})), 16u);
  EXPECT_EQ(features(index({"--threshold", "inf"})), 0u);
  EXPECT_GE(features(index({"--statistic", "maximum"})), features(index({"--statistic", "mean"})));
  EXPECT_EQ(index({"--chunk-size", "28x26"}).size(), 20u);
  EXPECT_EQ(parsed({"chunk", pictures / "flat.png", "--json"})["index"].size(), 16u);
  expect_refusal(program({"chunk", pictures / "half.png", "--chunk-size", "28"}));
  expect_refusal(program({"chunk", pictures / "half.png", "--chunk-size", "113x1"}));
  expect_refusal(program({"chunk", pictures / "half.png", "--threshold", "-1"}));
  expect_refusal(program({"chunk", pictures / "half.png", "--statistic", "median"}));
  expect_refusal(program({"chunk", "/nonexistent.png"}));
}

class ChunkedRun : public testing::Test {
 protected:
  void SetUp() override {
    if (!have_model(kChunks)) GTEST_SKIP() << "NOT TESTED: models/neu-chunks.onnx is absent";
  }
};

TEST_F(ChunkedRun, SeparateProcessesGiveTheLogitsOfOne) {
  const Pictures pictures;
  const auto succeed = [](const std::vector<std::string>& args) {
    const Result result = program(args);
    EXPECT_EQ(result.status, 0) << result.err;
    return result;
  };
  succeed({"compile", kChunks, "-o", pictures / "net"});
  succeed({"keygen", pictures / "net", "-o", pictures / "keys"});
  const std::vector<std::string> how{
      "--chunks", "feature", "--resize", pictures / "half.png", pictures / "flat.png", pictures / "colour.png"};
  std::vector<std::string> encrypt{"encrypt", "--keys", pictures / "keys", "-o", pictures / "x.ct"};
  encrypt.insert(encrypt.end(), how.begin(), how.end());
  const Result encrypted = succeed(encrypt);
  EXPECT_NE(encrypted.err.find("flat.png has no chunk with features"), std::string::npos) << encrypted.err;
  const std::string keys = pictures / "keys/eval.keys";
  succeed({"infer", pictures / "net/plan.bs", "--eval-keys", keys, pictures / "x.ct", "-o", pictures / "y.ct"});
  const json apart = parsed({"decrypt", "--keys", pictures / "keys", pictures / "y.ct", "--json"})["images"];
  std::vector<std::string> classify{"classify", kChunks, "--json"};
  classify.insert(classify.end(), how.begin(), how.end());
  const json together = parsed(classify)["images"];
  ASSERT_EQ(apart.size(), 3u);
  ASSERT_EQ(together.size(), 3u);
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(apart[i]["label"], together[i]["label"]);
    expect_equal(apart[i]["logits"], together[i]["logits"]);
  }
  EXPECT_EQ(features(together[1]["index"]), 0u);
  // Nothing but the way it travels changes with --plain-chunks send.
  const json all = parsed({"classify", kChunks, "--json", pictures / "half.png"})["images"];
  EXPECT_EQ(features(all[0]["index"]), 16u);
  expect_equal(all[0]["logits"], together[0]["logits"]);
  expect_refusal(program({"encrypt", "--keys", pictures / "keys", "--chunks", "off", pictures / "half.png", "-o",
                          pictures / "no.ct"}),
                 pictures / "no.ct");
  expect_refusal(program({"encrypt", "--keys", pictures / "keys", "--chunk-size", "56x28", pictures / "half.png", "-o",
                          pictures / "no.ct"}),
                 pictures / "no.ct");
}

TEST_F(ChunkedRun, EvaluatesFoldersAndKnowsTheWholeImageModel) {
  const Pictures pictures;
  for (const std::string label :
       {"crazing", "inclusion", "patches", "pitted_surface", "rolled-in_scale", "scratches"}) {
    vision::write_png(pictures / ("tree/" + label + "/1.png"), half_textured(60, 60));
  }
  const std::vector<std::string> on_tree{"--dataset", pictures / "tree", "--split", "all", "--json", "-"};
  std::vector<std::string> chunks{"evaluate",       kChunks, "--chunks",    "feature",
                                  "--plain-chunks", "drop",  "--confusion", pictures / "matrix.png"};
  chunks.insert(chunks.end(), on_tree.begin(), on_tree.end());
  const json dropped = parsed(chunks);
  EXPECT_EQ(dropped["images"], 6);
  EXPECT_EQ(dropped["chunks"]["plain"], "drop");
  EXPECT_EQ(dropped["chunks"]["images"].size(), 6u);
  EXPECT_TRUE(fs::exists(pictures / "matrix.png"));
  std::vector<std::string> off{"evaluate", kChunks, "--chunks", "off"};
  off.insert(off.end(), on_tree.begin(), on_tree.end());
  EXPECT_EQ(parsed(off)["model"], "neu-image");
  expect_refusal(program({"evaluate", kChunks, "--simulate", "--dataset", pictures / "tree", "--split", "all"}));
  expect_refusal(program({"evaluate", "neu-image", "--chunks", "feature"}));
  expect_refusal(program({"evaluate", kChunks, "--dataset", pictures / "nowhere"}));
}

TEST_F(ChunkedRun, EncryptedAgreesWithClearOnTheDataSet) {
  const char* chosen = std::getenv("BLINDSIGHT_DATA");
  const fs::path data = chosen != nullptr ? fs::path(chosen) : fs::path(BLINDSIGHT_SOURCE_DIR) / "../shared/data";
  if (!fs::is_directory(data / "neu-cls")) GTEST_SKIP() << "NOT TESTED: no data set neu-cls ($BLINDSIGHT_DATA)";
  for (const std::string plain : {"send", "drop"}) {
    const json figures = parsed({"evaluate", kChunks, "--data", data.string(), "--chunks", "feature", "--plain-chunks",
                                 plain, "--encrypted", "12", "--json", "-"});
    ASSERT_TRUE(figures.is_object());
    EXPECT_EQ(figures["agreement"].get<double>(), 1.0);
    EXPECT_LT(figures["max_logit_error"].get<double>(), 0.2);
    EXPECT_GT(figures["bytes"]["input"].get<double>(), 0);
    for (const json& image : figures["chunks"]["images"]) EXPECT_GT(image["upload"].get<double>(), 0);
  }
}

}  // namespace
}  // namespace blindsight::cli::test
