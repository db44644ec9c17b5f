// `evaluate` on the data set, where it is at hand.
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "program.h"

namespace blindsight::cli::test {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

/// $BLINDSIGHT_DATA or ../shared/data; empty where neither has the data set.
std::string data_with(const std::string& dataset) {
  const char* chosen = std::getenv("BLINDSIGHT_DATA");
  const fs::path data = chosen != nullptr ? fs::path(chosen) : fs::path(BLINDSIGHT_SOURCE_DIR) / "../shared/data";
  return fs::is_directory(data / dataset) ? data.string() : "";
}

#define NEEDS_DATA(variable, dataset)                                                                   \
  const std::string variable = data_with(dataset);                                                      \
  if (variable.empty()) GTEST_SKIP() << "NOT TESTED: no data set " << dataset << " ($BLINDSIGHT_DATA)"; \
  static_assert(true)

json evaluate(std::vector<std::string> args) {
  args.insert(args.begin(), "evaluate");
  args.insert(args.end(), {"--json", "-"});
  const Result result = program(args);
  EXPECT_EQ(result.status, 0) << result.err;
  return result.status == 0 ? json::parse(result.out) : json();
}

TEST(Evaluate, EncryptedAgreesWithClear) {
  NEEDS_MODEL();
  NEEDS_DATA(data, "mnist");
  const json figures = evaluate({kModel, "--dataset", "mnist", "--data", data, "--encrypted", "20"});
  ASSERT_TRUE(figures.is_object());
  for (const char* key : {"model", "dataset", "mode", "images", "accuracy", "macro_f1", "confusion", "agreement",
                          "max_logit_error", "latency_ms", "bytes", "peak_memory_mb", "threads", "parameters"}) {
    EXPECT_TRUE(figures.contains(key)) << key;
  }
  for (const char* step : {"encrypt", "infer", "decrypt"}) {
    EXPECT_GT(figures["latency_ms"][step]["median"].get<double>(), 0) << step;
    EXPECT_GE(figures["latency_ms"][step]["p95"], figures["latency_ms"][step]["median"]) << step;
  }
  for (const char* part : {"input", "result", "eval_keys"}) EXPECT_GT(figures["bytes"][part].get<int>(), 0) << part;
  for (const char* part : {"log_n", "log_q", "log_p"}) EXPECT_GT(figures["parameters"][part].get<double>(), 0) << part;
  EXPECT_EQ(figures["parameters"]["security_bits"], 128);
  EXPECT_EQ(figures["model"], kModel);
  EXPECT_EQ(figures["mode"], "encrypted");
  EXPECT_EQ(figures["images"], 20);
  EXPECT_EQ(figures["confusion"].size(), 10u);
  EXPECT_GE(figures["accuracy"].get<double>(), 0.9);
  EXPECT_EQ(figures["agreement"].get<double>(), 1.0);
  EXPECT_EQ(figures["implausible"], 0);
  EXPECT_LT(figures["max_logit_error"].get<double>(), 0.1);
  EXPECT_LE(figures["bytes"]["input"].get<int>(), 200'000);
  EXPECT_LE(figures["bytes"]["result"].get<int>(), 70'000);
  EXPECT_LE(figures["bytes"]["eval_keys"].get<int>(), 25'000'000);
}

TEST(Evaluate, SimulatedAndClear) {
  NEEDS_MODEL();
  NEEDS_DATA(data, "mnist");
  const json simulated = evaluate({kModel, "--data", data, "--simulate", "--images", "200"});
  ASSERT_TRUE(simulated.is_object());
  EXPECT_EQ(simulated["mode"], "simulated");
  EXPECT_EQ(simulated["images"], 200);
  EXPECT_GE(simulated["agreement"].get<double>(), 0.99);
  EXPECT_LT(simulated["max_logit_error"].get<double>(), 0.1);
  const json clear = evaluate({kModel, "--data", data, "--images", "200"});
  ASSERT_TRUE(clear.is_object());
  EXPECT_EQ(clear["mode"], "clear");
  EXPECT_EQ(clear["max_logit_error"].get<double>(), 0);
  EXPECT_EQ(clear["accuracy"], simulated["clear_accuracy"]);
  EXPECT_TRUE(clear["latency_ms"]["infer"].is_null());
}

TEST(Evaluate, TwoViewsAgreeWithTheirClearMean) {
  NEEDS_MODEL();
  NEEDS_DATA(data, "mnist");
  const json one = evaluate({kModel, "--dataset", "mnist", "--data", data, "--images", "50"});
  const json both = evaluate({kModel, "--dataset", "mnist", "--data", data, "--views", "flip", "--images", "50"});
  EXPECT_NE(one["confusion"], both["confusion"]);  // a mirrored digit is another one
  const json simulated =
      evaluate({kModel, "--dataset", "mnist", "--data", data, "--views", "flip", "--images", "50", "--simulate"});
  EXPECT_EQ(simulated["agreement"].get<double>(), 1.0);
  EXPECT_LT(simulated["max_logit_error"].get<double>(), 0.1);
}

TEST(Evaluate, UsesTheHeldOutFold) {
  const std::string model = "tenseal-kmnist";
  if (!have_model(model)) GTEST_SKIP() << "NOT TESTED: models/tenseal-kmnist.onnx is absent";
  NEEDS_DATA(data, "kmnist");
  const json figures = evaluate({model, "--data", data});
  ASSERT_TRUE(figures.is_object());
  EXPECT_EQ(figures["images"], 2000);
  EXPECT_NE(figures["split"].get<std::string>().find("fold"), std::string::npos);
}

TEST(Evaluate, Throughput) {
  NEEDS_MODEL();
  NEEDS_DATA(data, "mnist");
  const json figures = evaluate({kModel, "--data", data, "--encrypted", "8", "--throughput"});
  ASSERT_TRUE(figures.is_object());
  EXPECT_GT(figures["throughput_images_per_s"].get<double>(), 0);
  expect_refusal(program({"evaluate", kModel, "--data", data, "--throughput"}));
}

TEST(Evaluate, RefusesWhatDoesNotFit) {
  NEEDS_MODEL();
  expect_refusal(program({"evaluate", kModel, "--dataset", "no-such-set"}));
  expect_refusal(program({"evaluate", kModel, "--data", "/nonexistent"}));
  NEEDS_DATA(data, "cifar-10");
  expect_refusal(program({"evaluate", kModel, "--dataset", "cifar-10", "--data", data}));
}

}  // namespace
}  // namespace blindsight::cli::test
