// blindsight evaluate: a model on a test set: in the clear, simulated, or encrypted.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <mutex>
#include <numeric>

#include "blindsight/base/error.h"
#include "blindsight/base/parallel.h"
#include "blindsight/cli/app.h"
#include "blindsight/cli/metrics.h"
#include "blindsight/cli/progress.h"
#include "blindsight/cli/report.h"
#include "blindsight/cli/session.h"
#include "blindsight/nn/evaluate.h"
#include "blindsight/runtime/simulator.h"
#include "blindsight/vision/dataset.h"
#include "blindsight/vision/preprocess.h"

namespace blindsight::cli {
namespace fs = std::filesystem;
namespace {

struct Options {
  std::string model;
  std::optional<fs::path> card;
  std::string dataset;
  std::optional<fs::path> data;
  std::size_t encrypted = 0;
  std::size_t images = 0;
  bool simulate = false;
  bool throughput = false;
  CompileOptions compile;
  std::string json;

  const char* mode() const { return encrypted > 0 ? "encrypted" : simulate ? "simulated" : "clear"; }
};

/// The images to evaluate.
struct TestSet {
  std::vector<std::vector<double>> tensors;
  std::vector<std::size_t> targets;
  std::string name;
  std::string split;  ///< for people: "test", "fold 4 of 5 of test"
};

/// What a mode gives for every image, and what it took.
struct Outcome {
  std::vector<std::vector<double>> logits;
  std::vector<double> encrypt_ms, infer_ms, decrypt_ms;
  double seconds = 0;
  double compile_ms = 0, keygen_ms = 0, load_ms = 0;
  std::optional<TravelBytes> bytes;
  std::optional<compiler::Report> report;
};

std::vector<std::size_t> choose(const vision::Dataset& dataset, const vision::Card& card, std::string& split) {
  const bool has_fold = card.evaluation && card.evaluation->folds > 0 && card.dataset == dataset.name;
  if (has_fold) {
    split = fmt::format("fold {} of {} of {}", card.evaluation->held_out_fold, card.evaluation->folds, split);
    return vision::fold_indices(dataset.targets, card.evaluation->folds, card.evaluation->held_out_fold);
  }
  std::vector<std::size_t> all(dataset.size());
  std::iota(all.begin(), all.end(), std::size_t{0});
  return all;
}

TestSet load_test_set(const Options& options, const Model& model) {
  TestSet set;
  set.name = options.dataset.empty() ? model.card.dataset : options.dataset;
  set.split = model.card.evaluation ? model.card.evaluation->split : "test";
  const auto dataset = vision::load_dataset(set.name, set.split, vision::data_directory(options.data));
  if (dataset.labels.size() != model.card.labels.size()) {
    throw InvalidArgument(fmt::format("{} has {} classes, {} tells {} apart", set.name, dataset.labels.size(),
                                      model.name, model.card.labels.size()));
  }
  auto indices = choose(dataset, model.card, set.split);
  const std::size_t wanted = options.encrypted > 0 ? options.encrypted : options.images;
  if (wanted > 0 && wanted < indices.size()) indices.resize(wanted);
  for (const std::size_t i : indices) {
    set.tensors.push_back(vision::preprocess(dataset.image(i), model.card));
    set.targets.push_back(dataset.targets[i]);
  }
  if (set.tensors.empty()) throw InvalidArgument(set.name + " has no images to evaluate");
  return set;
}

std::vector<std::vector<double>> clear_logits(const nn::Graph& graph, const TestSet& set) {
  std::vector<std::vector<double>> logits(set.tensors.size());
  Progress progress("clear", logits.size());
  parallel_for(logits.size(), [&](std::size_t i) {
    logits[i] = nn::evaluate(graph, {graph.input_shape, set.tensors[i]}).data;
    progress.advance();
  });
  return logits;
}

Outcome simulate(const Options& options, const Model& model, const TestSet& set) {
  Outcome outcome;
  compiler::Compiled compiled = compile_model(model, options.compile);
  const auto shared = std::make_shared<const compiler::Program>(std::move(compiled.program));
  const compiler::Program& program = *shared;
  const runtime::Simulator simulator(shared);
  outcome.report = compiled.report;
  outcome.logits.resize(set.tensors.size());
  Progress progress("simulated", outcome.logits.size());
  parallel_for(outcome.logits.size(), [&](std::size_t i) {
    const auto slots = runtime::pack(program.input, set.tensors[i], program.input_elements);
    const auto result = simulator.run(slots, i + 1);
    outcome.logits[i] = runtime::unpack(program.output, result, program.output_elements);
    progress.advance();
  });
  return outcome;
}

Outcome encrypt(const Options& options, const Model& model, const TestSet& set) {
  Outcome outcome;
  Stopwatch watch;
  compiler::Compiled compiled = compile_model(model, options.compile);
  outcome.report = compiled.report;
  outcome.compile_ms = watch.lap_ms();
  const Session session(std::move(compiled.program), model.card_json, options.compile.memory_budget);
  outcome.keygen_ms = session.keygen_ms();
  outcome.load_ms = session.load_ms();
  outcome.bytes.emplace();
  const std::size_t count = set.tensors.size();
  outcome.logits.resize(count);
  for (auto* times : {&outcome.encrypt_ms, &outcome.infer_ms, &outcome.decrypt_ms}) times->resize(count);
  Progress progress("encrypted", count);
  const auto one = [&](std::size_t i) {
    Passage passage = session.classify(set.tensors[i], nullptr, i == 0 ? &*outcome.bytes : nullptr);
    outcome.logits[i] = std::move(passage.logits);
    outcome.encrypt_ms[i] = passage.encrypt_ms;
    outcome.infer_ms[i] = passage.infer_ms;
    outcome.decrypt_ms[i] = passage.decrypt_ms;
    progress.advance();
  };
  watch.lap_ms();
  if (options.throughput) {
    parallel_for(count, one);
  } else {
    for (std::size_t i = 0; i < count; ++i) one(i);
  }
  outcome.seconds = watch.lap_ms() / 1e3;
  return outcome;
}

std::vector<std::size_t> predictions(const std::vector<std::vector<double>>& logits) {
  std::vector<std::size_t> classes;
  for (const auto& l : logits) classes.push_back(argmax(l));
  return classes;
}

double agreement(const std::vector<std::size_t>& a, const std::vector<std::size_t>& b) {
  std::size_t same = 0;
  for (std::size_t i = 0; i < a.size(); ++i) same += a[i] == b[i] ? 1 : 0;
  return static_cast<double>(same) / static_cast<double>(a.size());
}

/// The largest difference of two logits, for every image.
std::vector<double> largest_errors(const std::vector<std::vector<double>>& a,
                                   const std::vector<std::vector<double>>& b) {
  std::vector<double> errors(a.size(), 0.0);
  for (std::size_t i = 0; i < a.size(); ++i) {
    for (std::size_t j = 0; j < a[i].size(); ++j) errors[i] = std::max(errors[i], std::abs(a[i][j] - b[i][j]));
  }
  return errors;
}

Json quantiles_json(const std::vector<double>& times) {
  if (times.empty()) return nullptr;
  const Quantiles q = quantiles(times);
  return {{"median", q.median}, {"p95", q.p95}};
}

Json bytes_json(const std::optional<TravelBytes>& bytes) {
  if (!bytes) return {{"input", nullptr}, {"result", nullptr}, {"eval_keys", nullptr}};
  return {{"input", bytes->input}, {"result", bytes->result}, {"eval_keys", bytes->evaluation_keys}};
}

Json parameters_json(const std::optional<compiler::Report>& report) {
  if (!report) return {{"log_n", nullptr}, {"log_q", nullptr}, {"log_p", nullptr}, {"security_bits", nullptr}};
  return {{"log_n", report->log_n}, {"log_q", report->log_q}, {"log_p", report->log_p}, {"security_bits", 128}};
}

Json to_json(const Options& options, const Model& model, const TestSet& set, const Outcome& outcome,
             const std::vector<std::vector<double>>& clear) {
  const auto predicted = predictions(outcome.logits);
  const auto clear_predicted = predictions(clear);
  const std::size_t classes = model.card.labels.size();
  const Confusion confusion = confusion_matrix(set.targets, predicted, classes);
  const std::vector<double> errors = largest_errors(outcome.logits, clear);
  Json json = {{"model", model.name},
               {"dataset", set.name},
               {"split", set.split},
               {"mode", options.mode()},
               {"images", set.targets.size()},
               {"accuracy", accuracy(confusion)},
               {"clear_accuracy", accuracy(confusion_matrix(set.targets, clear_predicted, classes))},
               {"macro_f1", macro_f1(confusion)},
               {"confusion", confusion},
               {"agreement", agreement(predicted, clear_predicted)},
               {"max_logit_error", *std::max_element(errors.begin(), errors.end())},
               {"median_logit_error", quantiles(errors).median},
               {"latency_ms",
                {{"encrypt", quantiles_json(outcome.encrypt_ms)},
                 {"infer", quantiles_json(outcome.infer_ms)},
                 {"decrypt", quantiles_json(outcome.decrypt_ms)}}},
               {"bytes", bytes_json(outcome.bytes)},
               {"peak_memory_mb", peak_memory_mb()},
               {"threads", thread_count()},
               {"parameters", parameters_json(outcome.report)}};
  if (outcome.report) json["predicted_logit_error"] = outcome.report->predicted_logit_error;
  if (options.encrypted > 0) {
    json["seconds"] = outcome.seconds;
    json["once_ms"] = {{"compile", outcome.compile_ms}, {"keygen", outcome.keygen_ms}, {"load", outcome.load_ms}};
  }
  if (options.throughput && outcome.seconds > 0) {
    json["throughput_images_per_s"] = static_cast<double>(set.targets.size()) / outcome.seconds;
  }
  return json;
}

void print(const Json& json) {
  fmt::print("{} on {} ({}), {}, {} images\n", json["model"].get<std::string>(), json["dataset"].get<std::string>(),
             json["split"].get<std::string>(), json["mode"].get<std::string>(), json["images"].get<std::size_t>());
  fmt::print("  accuracy    {:.2f} % (clear: {:.2f} %), macro F1 {:.4f}\n", 100 * json["accuracy"].get<double>(),
             100 * json["clear_accuracy"].get<double>(), json["macro_f1"].get<double>());
  fmt::print("  agreement   {:.2f} % with the clear model, largest logit error {:.2g} (median over images {:.2g})\n",
             100 * json["agreement"].get<double>(), json["max_logit_error"].get<double>(),
             json["median_logit_error"].get<double>());
  for (const char* step : {"encrypt", "infer", "decrypt"}) {
    const Json& times = json["latency_ms"][step];
    if (times.is_null()) continue;
    fmt::print("  {:<11} {} median, {} p95\n", step, human_ms(times["median"].get<double>()),
               human_ms(times["p95"].get<double>()));
  }
  if (json.contains("throughput_images_per_s")) {
    fmt::print("  throughput  {:.1f} images/s, one image a thread (latencies above are those of a busy machine)\n",
               json["throughput_images_per_s"].get<double>());
  }
  if (json.contains("once_ms")) {
    const Json& once = json["once_ms"];
    fmt::print("  once        compile {}, make the keys {}, load {}\n", human_ms(once["compile"].get<double>()),
               human_ms(once["keygen"].get<double>()), human_ms(once["load"].get<double>()));
  }
  if (!json["bytes"]["input"].is_null()) {
    fmt::print("  travels     {} up, {} down; {} of keys once\n", human_bytes(json["bytes"]["input"].get<double>()),
               human_bytes(json["bytes"]["result"].get<double>()),
               human_bytes(json["bytes"]["eval_keys"].get<double>()));
  }
  fmt::print("  machine     {} threads, peak memory {:.0f} MB\n", json["threads"].get<int>(),
             json["peak_memory_mb"].get<double>());
}

void evaluate(const Options& options) {
  if (options.throughput && options.encrypted == 0) {
    throw InvalidArgument("--throughput needs --encrypted N: only encrypted images are timed");
  }
  const Model model = load_model(options.model, options.card);
  const TestSet set = load_test_set(options, model);
  const auto clear = clear_logits(model.graph, set);
  Outcome outcome;
  if (options.encrypted > 0) {
    outcome = encrypt(options, model, set);
  } else if (options.simulate) {
    outcome = simulate(options, model, set);
  } else {
    outcome.logits = clear;
  }
  const Json json = to_json(options, model, set, outcome, clear);
  if (!options.json.empty()) write_json(options.json, json);
  if (options.json != "-") print(json);
}

}  // namespace

void add_evaluate(CLI::App& app, Globals& globals) {
  auto options = std::make_shared<Options>();
  CLI::App* command = add_command(app, globals, "evaluate", "Measure a model on a test set",
                                  "  blindsight evaluate tenseal-mnist\n"
                                  "  blindsight evaluate tenseal-mnist --dataset mnist --simulate\n"
                                  "  blindsight evaluate tenseal-mnist --encrypted 10000 --json result.json");
  command->add_option("MODEL", options->model, "A name that `blindsight models` lists, or an ONNX file")->required();
  command->add_option("--card", options->card, "Card (default: the .json beside the model)");
  command->add_option("--dataset", options->dataset, "Data set (default: the card's)");
  command->add_option("--data", options->data,
                      "Where data sets lie (default: $BLINDSIGHT_DATA, ~/.cache/blindsight/data)");
  CLI::Option* encrypted =
      command->add_option("--encrypted", options->encrypted, "Encrypt and evaluate the first N images")
          ->check(CLI::PositiveNumber);
  command->add_flag("--simulate", options->simulate, "Run the program on clear slots with the noise of ciphertexts")
      ->excludes(encrypted);
  command->add_option("--images", options->images, "Only the first N images (clear and simulated)")
      ->check(CLI::PositiveNumber)
      ->excludes(encrypted);
  command->add_flag("--throughput", options->throughput,
                    "One image a thread instead of all threads for one image; latencies are then not representative");
  add_compile_options(*command, options->compile);
  command->add_option("--json", options->json, "File for the figures as JSON ('-': stdout)");
  on_chosen(command, globals, options, evaluate);
}

}  // namespace blindsight::cli
