// The commands as separate processes, through files.
#include <sys/stat.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>

#include "blindsight/compiler/compile.h"
#include "blindsight/vision/image.h"
#include "program.h"

namespace blindsight::cli::test {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

class Commands : public testing::Test {
 protected:
  void SetUp() override {
    NEEDS_MODEL();
    ASSERT_EQ(Workshop::get().trouble(), "");
  }
  const Workshop& shop() const { return Workshop::get(); }
  std::string path(const std::string& name) const { return shop().path(name).string(); }
};

/// A trace of three images that a viewer takes: named threads, and on each of them spans one after the other.
void expect_trace(const Bytes& text) {
  const json trace = json::parse(text.begin(), text.end());
  std::map<std::pair<int, int>, std::string> threads;
  std::map<std::pair<int, int>, double> ends;
  std::map<std::string, double> sums;
  for (const json& event : trace["traceEvents"]) {
    const int image = event["pid"].get<int>();
    if (event["ph"] == "M") {
      const std::string name = event["args"]["name"].get<std::string>();
      if (event["name"] == "process_name") {
        EXPECT_EQ(name, "image " + std::to_string(image));
      }
      if (event["name"] == "thread_name") threads[{image, event["tid"].get<int>()}] = name;
      continue;
    }
    EXPECT_EQ(event["ph"], "X");
    EXPECT_FALSE(event["name"].get<std::string>().empty());
    const double start = event["ts"].get<double>(), length = event["dur"].get<double>();
    EXPECT_GT(length, 0);
    const std::pair thread(image, event["tid"].get<int>());
    ASSERT_TRUE(threads.contains(thread));
    EXPECT_GE(start, ends[thread] - 1);
    ends[thread] = start + length;
    sums[threads[thread]] += length;
    if (event["cat"] == "linear map") {
      EXPECT_GT(event["args"]["products"].get<int>(), 0);
      EXPECT_EQ(event["args"]["weights"], "encoded on the fly");
    }
  }
  EXPECT_EQ(threads.size(), 6u);  // layers and operations of three images
  EXPECT_GT(sums["operations"], 0);
  EXPECT_GE(sums["layers"], sums["operations"] - 1);  // a layer is as long as its operations, pauses included
}

TEST_F(Commands, FourProcessesGiveTheLabelsOfOne) {
  const Result decrypted = program({"decrypt", "--keys", path("keys"), path("y.ct"), "--json"});
  ASSERT_EQ(decrypted.status, 0) << decrypted.err;
  std::vector<std::string> args{"classify", kModel, "--json"};
  args.insert(args.end(), shop().images().begin(), shop().images().end());
  const Result classified = program(args);
  ASSERT_EQ(classified.status, 0) << classified.err;
  const json a = json::parse(decrypted.out)["images"];
  const json b = json::parse(classified.out)["images"];
  ASSERT_EQ(a.size(), shop().images().size());
  ASSERT_EQ(b.size(), a.size());
  for (std::size_t i = 0; i < a.size(); ++i) {
    EXPECT_EQ(a[i]["label"], b[i]["label"]);
    ASSERT_EQ(a[i]["logits"].size(), 10u);
    for (std::size_t j = 0; j < 10; ++j) {
      EXPECT_NEAR(a[i]["logits"][j].get<double>(), b[i]["logits"][j].get<double>(), 0.1);
    }
  }
}

TEST_F(Commands, InferProfilesAndKeepsToABudget) {
  const auto infer = [&](const std::string& output, const std::vector<std::string>& more) {
    std::vector<std::string> args{"infer", path("model/plan.bs"), "--eval-keys", path("keys/eval.keys"), path("x.ct"),
                                  "-o",    path(output)};
    args.insert(args.end(), more.begin(), more.end());
    const Result result = program(args);
    EXPECT_EQ(result.status, 0) << result.err;
    EXPECT_EQ(result.err.find("error"), std::string::npos) << result.err;
    return result;
  };
  const Result result =
      infer("budget.ct", {"--memory-budget", "1M", "--profile", path("times.json"), "--trace", path("trace.json")});
  EXPECT_NE(result.out.find("linear map"), std::string::npos) << result.out;
  // Weights encoded on the fly are the same weights.
  EXPECT_EQ(contents(path("budget.ct")), contents(path("y.ct")));
  expect_trace(contents(path("trace.json")));
  const Bytes text = contents(path("times.json"));
  const json times = json::parse(text.begin(), text.end());
  EXPECT_EQ(times["images"], 3);
  EXPECT_GT(times["floor_ms"].get<double>(), 0);
  double sum = 0;
  for (const json& operation : times["operations"]) {
    sum += operation["ms"].get<double>();
    if (operation["kind"] != "linear map") continue;
    EXPECT_GT(operation["products"].get<int>(), 0);
    EXPECT_GT(operation["transforms"].get<double>(), 0);
    EXPECT_GT(operation["predicted_ms"].get<double>(), operation["floor_ms"].get<double>());
    EXPECT_EQ(operation["weights"], "encoded on the fly");
  }
  EXPECT_NEAR(times["ms"].get<double>(), sum, 1e-6 * sum);
  const Result all = infer("all.ct", {"--memory-budget", "0", "--profile", "-"});
  const json kept = json::parse(all.out);
  for (const json& operation : kept["operations"]) {
    if (operation["kind"] == "linear map") {
      EXPECT_EQ(operation["weights"], "kept");
    }
  }
  EXPECT_EQ(contents(path("all.ct")), contents(path("y.ct")));
  expect_refusal(program({"infer", path("model/plan.bs"), "--eval-keys", path("keys/eval.keys"), path("x.ct"), "-o",
                          path("never.ct"), "--profile", "-", "--trace", "-"}),
                 path("never.ct"));
  expect_refusal(program({"infer", path("model/plan.bs"), "--eval-keys", path("keys/eval.keys"), path("x.ct"), "-o",
                          path("never.ct"), "--memory-budget", "much"}),
                 path("never.ct"));
}

TEST_F(Commands, TakesThePredictedMemory) {
#ifdef __SANITIZE_ADDRESS__
  GTEST_SKIP() << "AddressSanitizer takes more";
#endif
  const Result compiled = program({"compile", kModel, "-o", path("measured"), "--json"});
  ASSERT_EQ(compiled.status, 0) << compiled.err;
  const double predicted = json::parse(compiled.out)["bytes"]["server_memory"].get<double>() / 1e6;
  const Result inferred =
      program({"infer", path("model"), "--eval-keys", path("keys"), path("x.ct"), "-o", path("measured.ct")});
  ASSERT_EQ(inferred.status, 0) << inferred.err;
  const std::string before = "peak memory ";
  const std::size_t at = inferred.out.find(before);
  ASSERT_NE(at, std::string::npos) << inferred.out;
  const double measured = std::stod(inferred.out.substr(at + before.size()));
  EXPECT_NEAR(predicted, measured, 0.15 * measured);
}

TEST_F(Commands, CompileIsReproducibleAndTakesOtherImages) {
  ASSERT_EQ(program({"compile", kModel, "-o", path("again")}).status, 0);
  EXPECT_EQ(contents(path("again/plan.bs")), contents(path("model/plan.bs")));
  fs::create_directories(path("photos"));
  for (const std::string& image : shop().images()) fs::copy_file(image, path("photos") / fs::path(image).filename());
  const Result other = program({"compile", kModel, "-o", path("other"), "--calibration", path("photos"), "--json"});
  ASSERT_EQ(other.status, 0) << other.err;
  EXPECT_GT(json::parse(other.out)["rotation_keys"].get<int>(), 0);
  expect_refusal(program({"compile", kModel, "-o", path("never"), "--calibration", path("nowhere")}), path("never"));
  fs::create_directories(path("empty"));
  expect_refusal(program({"compile", kModel, "-o", path("never"), "--calibration", path("empty")}), path("never"));
}

TEST_F(Commands, RotationKeysCanBeBounded) {
  const auto keys = [&](const std::vector<std::string>& more) {
    std::vector<std::string> args{"compile", kModel, "--json", "-o", path("bounded")};
    args.insert(args.end(), more.begin(), more.end());
    const Result result = program(args);
    EXPECT_EQ(result.status, 0) << result.err;
    return json::parse(result.out)["rotation_keys"].get<std::size_t>();
  };
  const std::size_t free = keys({});
  const std::size_t bound = free - 2;
  EXPECT_LE(keys({"--max-rotation-keys", std::to_string(bound)}), bound);
}

TEST_F(Commands, DecryptPrintsOneLineAnImage) {
  const Result result = program({"decrypt", "--keys", path("keys"), path("y.ct"), "--top", "2"});
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_EQ(std::count(result.out.begin(), result.out.end(), '\n'), 3);
  EXPECT_EQ(result.err, "");
}

TEST_F(Commands, NoiseFloodingChangesLogitsAsMuchAsAsked) {
  const auto logits = [&](const std::vector<std::string>& more) {
    std::vector<std::string> args{"decrypt", "--keys", path("keys"), path("y.ct"), "--json"};
    args.insert(args.end(), more.begin(), more.end());
    return json::parse(program(args).out)["images"][0]["logits"].get<std::vector<double>>();
  };
  const auto plain = logits({});
  EXPECT_EQ(plain, logits({}));
  const auto flooded = logits({"--noise-bits", "10"});
  const double variance = std::pow(1024 * compiler::Options{}.precision, 2);
  double sum = 0;
  for (std::size_t i = 0; i < plain.size(); ++i) sum += (flooded[i] - plain[i]) * (flooded[i] - plain[i]);
  EXPECT_GT(sum, 0.5 * variance);  // chi-squared of ten degrees: one in 10^5 below, one in 10^5 above
  EXPECT_LT(sum, 42 * variance);
}

TEST_F(Commands, TheSecretKeyIsItsOwnersAlone) {
  struct stat status {};
  ASSERT_EQ(stat(path("keys/secret.key").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
}

TEST_F(Commands, KeygenDoesNotReplaceASecretKeyUnasked) {
  const Bytes before = contents(path("keys/secret.key"));
  expect_refusal(program({"keygen", path("model/manifest.bs"), "-o", path("keys")}));
  EXPECT_EQ(contents(path("keys/secret.key")), before);
}

TEST_F(Commands, NothingThatTheServerGetsHoldsTheSecret) {
  const Bytes secret = contents(path("keys/secret.key"));
  ASSERT_GT(secret.size(), 1024u);
  // A window from the middle of the payload, where nothing but the secret's coefficients stands.
  const auto window = secret.begin() + static_cast<std::ptrdiff_t>(secret.size() / 2);
  for (const char* name :
       {"model/plan.bs", "model/manifest.bs", "keys/eval.keys", "keys/manifest.bs", "x.ct", "y.ct"}) {
    const Bytes file = contents(path(name));
    ASSERT_FALSE(file.empty()) << name;
    EXPECT_EQ(std::search(file.begin(), file.end(), window, window + 24), file.end()) << name;
  }
  EXPECT_EQ(contents(path("keys/manifest.bs")), contents(path("model/manifest.bs")));
}

TEST_F(Commands, EncryptionIsFreshEveryTime) {
  ASSERT_EQ(program({"encrypt", "--keys", path("keys"), shop().images()[0], "-o", path("again1.ct")}).status, 0);
  ASSERT_EQ(program({"encrypt", "--keys", path("keys"), shop().images()[0], "-o", path("again2.ct")}).status, 0);
  EXPECT_NE(contents(path("again1.ct")), contents(path("again2.ct")));
}

TEST_F(Commands, WrongImageSizeNamesWhatIsExpected) {
  const std::string file = path("large.png");
  vision::write_png(file, {32, 30, 1, std::vector<std::uint8_t>(32 * 30)});
  const fs::path output = path("large.ct");
  const Result refused = program({"encrypt", "--keys", path("keys"), file, "-o", output.string()});
  expect_refusal(refused, output);
  EXPECT_NE(refused.err.find("28"), std::string::npos) << refused.err;
  EXPECT_NE(refused.err.find("32"), std::string::npos) << refused.err;
  expect_refusal(program({"classify", kModel, file}));
  EXPECT_EQ(program({"classify", kModel, file, "--resize"}).status, 0);
}

TEST_F(Commands, NotAnImage) {
  const fs::path output = path("not.ct");
  expect_refusal(program({"encrypt", "--keys", path("keys"), path("model/plan.bs"), "-o", output.string()}), output);
  expect_refusal(program({"encrypt", "--keys", path("keys"), path("missing.png"), "-o", output.string()}), output);
  expect_refusal(program({"encrypt", "--keys", path("keys"), path("keys"), "-o", output.string()}), output);
}

TEST_F(Commands, DamagedImagesAreOneLine) {
  std::vector<Bytes> damaged;
  Bytes png = contents(shop().images()[0]);
  for (const std::size_t at : {png.size() / 2, png.size() - 20}) {
    damaged.push_back(png);
    damaged.back()[at] ^= 0x55;
  }
  // A JPEG whose header promises 28×28 grey pixels, and whose tables are missing.
  damaged.push_back({0xff, 0xd8, 0xff, 0xc0, 0, 11, 8, 0,  28, 0, 28, 1, 1, 0x11, 0,   0xff,
                     0xda, 0,    8,    1,    1, 0,  0, 63, 0,  1, 2,  3, 4, 0xff, 0xd9});
  for (const Bytes& bytes : damaged) {
    store(path("damaged.img"), bytes);
    expect_refusal(program({"encrypt", "--keys", path("keys"), path("damaged.img"), "-o", path("damaged.ct")}),
                   path("damaged.ct"));
  }
}

TEST_F(Commands, DemoNeedsNoDataSet) {
  const Result demo = program({"demo"});
  EXPECT_EQ(demo.status, 0) << demo.err;
  EXPECT_EQ(demo.err, "");
  EXPECT_NE(demo.out.find("the server saw"), std::string::npos);
}

TEST_F(Commands, ModelsListsTheZoo) {
  const Result models = program({"models", "--fast", "--json"});
  ASSERT_EQ(models.status, 0) << models.err;
  const json zoo = json::parse(models.out);
  for (const json& model : zoo["models"]) {
    EXPECT_TRUE(model["log_n"].is_number());
    EXPECT_TRUE(model["depth"].is_number());
  }
}

TEST(CommandLine, HelpAndVersion) {
  const Result version = program({"--version"});
  EXPECT_EQ(version.status, 0);
  EXPECT_TRUE(version.out.starts_with("blindsight ")) << version.out;
  for (const char* command :
       {"models", "compile", "keygen", "encrypt", "infer", "decrypt", "classify", "evaluate", "bench", "demo"}) {
    const Result help = program({command, "--help"});
    EXPECT_EQ(help.status, 0) << command;
    EXPECT_NE(help.out.find("Examples:"), std::string::npos) << command;
    EXPECT_NE(help.out.find("--threads"), std::string::npos) << command;
  }
  EXPECT_NE(program({"data", "fetch", "--help"}).out.find("Examples:"), std::string::npos);
}

TEST(CommandLine, MistakesAreOneLine) {
  expect_refusal(program({}));
  expect_refusal(program({"bogus"}));
  expect_refusal(program({"classify"}));
  expect_refusal(program({"infer", "a", "--eval-keys"}));
  expect_refusal(program({"demo", "--threads", "-1"}));
  expect_refusal(program({"evaluate", "x", "--simulate", "--encrypted", "3"}));
  const Result unknown = program({"classify", "no-such-model", "x.png"});
  expect_refusal(unknown);
  EXPECT_NE(unknown.err.find("no-such-model"), std::string::npos);
  expect_refusal(program({"compile", "./missing.onnx", "-o", "/tmp/never"}), "/tmp/never");
  expect_refusal(program({"data", "fetch", "no-such-set"}));
}

TEST(CommandLine, BenchWritesItsFigures) {
  const Result bench = program({"bench", "--filter", "ntt/portable/2^12", "--json", "-"});
  ASSERT_EQ(bench.status, 0) << bench.err;
  const json figures = json::parse(bench.out);
  ASSERT_EQ(figures["results"].size(), 1u);
  EXPECT_GT(figures["results"][0]["median_ms"].get<double>(), 0);
  const Result scheme = program({"bench", "--filter", "ckks/2^13/hoist", "--json", "-"});
  ASSERT_EQ(scheme.status, 0) << scheme.err;
  const json hoisted = json::parse(scheme.out);
  for (const json& figure : hoisted["results"]) {
    EXPECT_GT(figure["floor_ms"].get<double>(), 0);
    EXPECT_GT(figure["predicted_ms"].get<double>(), figure["floor_ms"].get<double>());
  }
}

}  // namespace
}  // namespace blindsight::cli::test
