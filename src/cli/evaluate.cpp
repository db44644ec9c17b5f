// blindsight evaluate: a model on a test set: in the clear, simulated, or encrypted.
#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <filesystem>
#include <mutex>
#include <numeric>

#include "blindsight/base/error.h"
#include "blindsight/base/parallel.h"
#include "blindsight/cli/app.h"
#include "blindsight/cli/clear_parts.h"
#include "blindsight/cli/metrics.h"
#include "blindsight/cli/progress.h"
#include "blindsight/cli/report.h"
#include "blindsight/cli/session.h"
#include "blindsight/nn/evaluate.h"
#include "blindsight/nn/network.h"
#include "blindsight/nn/views.h"
#include "blindsight/runtime/simulator.h"
#include "blindsight/vision/dataset.h"
#include "blindsight/vision/folder.h"
#include "blindsight/vision/matrix_picture.h"

namespace blindsight::cli {
namespace fs = std::filesystem;
namespace {

struct Options {
  std::string model;
  std::optional<fs::path> card;
  std::string dataset;
  std::string split;
  std::optional<fs::path> data;
  std::size_t encrypted = 0;
  std::size_t images = 0;
  bool simulate = false;
  bool throughput = false;
  CompileOptions compile;
  ChunkOptions chunks;
  std::string json;
  std::optional<fs::path> confusion;

  const char* mode() const { return encrypted > 0 ? "encrypted" : simulate ? "simulated" : "clear"; }
};

/// The images to evaluate.
struct TestSet {
  std::vector<Input> inputs;
  std::vector<std::size_t> targets;
  std::string name;
  std::string split;  ///< for people: "test", "fold 4 of 5 of test"
};

/// What a mode gives for every image, and what it took.
struct Outcome {
  std::vector<std::vector<double>> logits;
  std::vector<double> encrypt_ms, infer_ms, decrypt_ms;
  std::vector<double> upload;   ///< bytes, for every image in chunks
  std::size_t implausible = 0;  ///< results that a client would not take for an answer
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

/// A known data set, or a folder of image files in a folder for each class, stretched to what the model takes.
vision::Dataset load_images(const std::string& name, const std::string& split, const Options& options,
                            const vision::Card& card) {
  if (name.find('/') == std::string::npos) {
    return vision::load_dataset(name, split, vision::data_directory(options.data));
  }
  const auto& chunks = card.chunks;
  return vision::load_folder(name, split, chunks ? chunks->image_width : card.preprocess.width,
                             chunks ? chunks->image_height : card.preprocess.height);
}

TestSet load_test_set(const Options& options, const Model& model) {
  TestSet set;
  const std::string name = options.dataset.empty() ? model.card.dataset : options.dataset;
  set.split = !options.split.empty() ? options.split : model.card.evaluation ? model.card.evaluation->split : "test";
  const auto dataset = load_images(name, set.split, options, model.card);
  set.name = dataset.name;
  if (dataset.labels.size() != model.card.labels.size()) {
    throw InvalidArgument(fmt::format("{} has {} classes, {} tells {} apart", set.name, dataset.labels.size(),
                                      model.name, model.card.labels.size()));
  }
  const auto& known = vision::known_datasets();
  const bool is_tree = std::none_of(known.begin(), known.end(),
                                    [&](const auto& info) { return info.name == name && !info.files.empty(); });
  auto indices = choose(dataset, model.card, set.split);
  const std::size_t wanted = options.encrypted > 0 ? options.encrypted : options.images;
  if (wanted > 0 && wanted < indices.size()) indices.resize(wanted);
  for (const std::size_t i : indices) {
    set.inputs.push_back(make_input(dataset.image(i), model.card, options.chunks, is_tree));
    set.targets.push_back(dataset.targets[i]);
  }
  if (set.inputs.empty()) throw InvalidArgument(set.name + " has no images to evaluate");
  return set;
}

/// Of a whole image, or the mean over it and its mirror image.
std::vector<double> clear_logits(const nn::Graph& graph, const std::vector<double>& tensor, bool mirror_image) {
  const auto answer = [&](std::vector<double> image) {
    return nn::evaluate(graph, {graph.input_shape, std::move(image)}).data;
  };
  std::vector<double> logits = answer(tensor);
  if (!mirror_image) return logits;
  const std::vector<double> of_mirrored = answer(nn::mirrored(tensor, graph.input_shape));
  for (std::size_t j = 0; j < logits.size(); ++j) logits[j] = (logits[j] + of_mirrored[j]) / 2;
  return logits;
}

std::vector<std::vector<double>> clear_logits(const Options& options, const Model& model, const TestSet& set) {
  std::vector<std::vector<double>> logits(set.inputs.size());
  std::optional<PartsShape> shape;
  nn::QuadraticNetwork network;
  if (model.card.chunks) {
    shape = parts_shape(model.card, options.chunks);
    network = nn::to_network(model.graph);
  }
  Progress progress("clear", logits.size());
  parallel_for(logits.size(), [&](std::size_t i) {
    const Input& input = set.inputs[i];
    logits[i] = shape ? clear_parts(network, *input.parts, *shape)
                      : clear_logits(model.graph, input.tensor, options.compile.mirror_image);
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
  outcome.logits.resize(set.inputs.size());
  Progress progress("simulated", outcome.logits.size());
  parallel_for(outcome.logits.size(), [&](std::size_t i) {
    const auto slots = runtime::pack(program.input, set.inputs[i].tensor, program.input_elements);
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
  const auto shape = model.card.chunks ? std::optional(parts_shape(model.card, options.chunks)) : std::nullopt;
  const Session session(std::move(compiled.program), model.card_json, options.compile.memory_budget, shape);
  outcome.keygen_ms = session.keygen_ms();
  outcome.load_ms = session.load_ms();
  const std::size_t count = set.inputs.size();
  outcome.logits.resize(count);
  for (auto* times : {&outcome.encrypt_ms, &outcome.infer_ms, &outcome.decrypt_ms}) times->resize(count);
  if (shape) outcome.upload.resize(count);
  std::atomic<std::size_t> implausible = 0;
  Progress progress("encrypted", count);
  const auto one = [&](std::size_t i) {
    TravelBytes travel;  // the same for every image in one piece
    Passage passage = session.classify(set.inputs[i], i == 0 || shape ? &travel : nullptr);
    if (i == 0) outcome.bytes = travel;
    if (shape) outcome.upload[i] = static_cast<double>(travel.input);
    if (!passage.answer.plausible()) ++implausible;
    outcome.logits[i] = std::move(passage.answer.logits);
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
  outcome.implausible = implausible;
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

/// Of an image in chunks the median upload: how much travels depends on how many have features.
Json bytes_json(const Outcome& outcome) {
  if (!outcome.bytes) return {{"input", nullptr}, {"result", nullptr}, {"eval_keys", nullptr}};
  Json json = {{"input", outcome.bytes->input},
               {"result", outcome.bytes->result},
               {"eval_keys", outcome.bytes->evaluation_keys}};
  if (!outcome.upload.empty()) json["input"] = quantiles(outcome.upload).median;
  return json;
}

/// How images were cut, and what each of them took.
Json chunks_json(const ChunkOptions& options, const TestSet& set, const Outcome& outcome) {
  Json images = Json::array();
  for (std::size_t i = 0; i < set.inputs.size(); ++i) {
    Json image = {{"feature_chunks", runtime::encrypted_count(set.inputs[i].parts->index)}};
    if (!outcome.upload.empty()) {
      image.update(
          {{"encrypt_ms", outcome.encrypt_ms[i]}, {"infer_ms", outcome.infer_ms[i]}, {"upload", outcome.upload[i]}});
    }
    images.push_back(image);
  }
  return {{"encrypted", name(options.mode.value_or(ChunkMode::kAll))},
          {"plain", name(options.plain)},
          {"statistic", name(options.rule.statistic)},
          {"threshold", options.rule.threshold},
          {"of_an_image", set.inputs[0].parts->index.size()},
          {"images", images}};
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
               {"bytes", bytes_json(outcome)},
               {"peak_memory_mb", peak_memory_mb()},
               {"threads", thread_count()},
               {"parameters", parameters_json(outcome.report)}};
  if (outcome.report) json["predicted_logit_error"] = outcome.report->predicted_logit_error;
  if (model.card.chunks) json["chunks"] = chunks_json(options.chunks, set, outcome);
  if (options.encrypted > 0) {
    json["implausible"] = outcome.implausible;
    json["seconds"] = outcome.seconds;
    json["once_ms"] = {{"compile", outcome.compile_ms}, {"keygen", outcome.keygen_ms}, {"load", outcome.load_ms}};
  }
  if (options.throughput && outcome.seconds > 0) {
    json["throughput_images_per_s"] = static_cast<double>(set.targets.size()) / outcome.seconds;
  }
  return json;
}

void print_chunks(const Json& json) {
  std::vector<double> features;
  for (const Json& image : json["images"]) features.push_back(image["feature_chunks"].get<double>());
  fmt::print("  chunks      {} of {} encrypted (median), the others {}\n", quantiles(features).median,
             json["of_an_image"].get<std::size_t>(),
             json["plain"] == "send" ? "sent in the clear" : "replaced by their mean level");
}

void print(const Json& json) {
  fmt::print("{} on {} ({}), {}, {} images\n", json["model"].get<std::string>(), json["dataset"].get<std::string>(),
             json["split"].get<std::string>(), json["mode"].get<std::string>(), json["images"].get<std::size_t>());
  fmt::print("  accuracy    {:.2f} % (clear: {:.2f} %), macro F1 {:.4f}\n", 100 * json["accuracy"].get<double>(),
             100 * json["clear_accuracy"].get<double>(), json["macro_f1"].get<double>());
  fmt::print("  agreement   {:.2f} % with the clear model, largest logit error {:.2g} (median over images {:.2g})\n",
             100 * json["agreement"].get<double>(), json["max_logit_error"].get<double>(),
             json["median_logit_error"].get<double>());
  if (json.contains("implausible") && json["implausible"].get<std::size_t>() > 0) {
    fmt::print("  implausible {} of the results: a client would be told so\n", json["implausible"].get<std::size_t>());
  }
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
  if (json.contains("chunks")) print_chunks(json["chunks"]);
  fmt::print("  machine     {} threads, peak memory {:.0f} MB\n", json["threads"].get<int>(),
             json["peak_memory_mb"].get<double>());
}

/// "encrypted, feature chunks, others sent".
std::string describe_mode(const Options& options, const vision::Card& card) {
  std::string text = options.mode();
  if (!card.chunks) return text;
  const ChunkMode mode = options.chunks.mode.value_or(ChunkMode::kAll);
  text += fmt::format(", {} chunks", name(mode));
  if (mode != ChunkMode::kAll)
    text += options.chunks.plain == vision::PlainChunks::kSend ? ", others sent" : ", others dropped";
  return text;
}

void evaluate(const Options& options) {
  if (options.throughput && options.encrypted == 0) {
    throw InvalidArgument("--throughput needs --encrypted N: only encrypted images are timed");
  }
  const Model model = load_model(options.model, options.card, options.chunks);
  if (options.simulate && model.card.chunks) {
    throw InvalidArgument(
        "--simulate is for models of whole images: evaluate chunks with --encrypted N or in the clear");
  }
  const TestSet set = load_test_set(options, model);
  const auto clear = clear_logits(options, model, set);
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
  if (options.confusion) {
    const Confusion confusion = json["confusion"].get<Confusion>();
    const std::string title = fmt::format("{}, {}: {:.2f} % of {}", model.name, describe_mode(options, model.card),
                                          100 * json["accuracy"].get<double>(), set.targets.size());
    vision::write_png(*options.confusion, vision::confusion_picture(confusion, model.card.labels, title));
  }
  if (options.json != "-") print(json);
}

}  // namespace

void add_evaluate(CLI::App& app, Globals& globals) {
  auto options = std::make_shared<Options>();
  CLI::App* command =
      add_command(app, globals, "evaluate", "Measure a model on a test set",
                  "  blindsight evaluate tenseal-mnist\n"
                  "  blindsight evaluate tenseal-mnist --dataset mnist --simulate\n"
                  "  blindsight evaluate tenseal-mnist --encrypted 10000 --json result.json\n"
                  "  blindsight evaluate neu-chunks --chunks feature --encrypted 180 --confusion m.png\n"
                  "  blindsight evaluate neu-image --dataset ./photos --split all");
  command->add_option("MODEL", options->model, "A name that `blindsight models` lists, or an ONNX file")->required();
  command->add_option("--card", options->card, "Card (default: the .json beside the model)");
  command->add_option("--dataset", options->dataset,
                      "Data set (default: the card's), or a folder, with a '/', of image files in one folder a class");
  command->add_option("--split", options->split,
                      "Part of it: test, train; of a folder also validation or all (default: the card's)");
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
  add_chunk_options(*command, options->chunks);
  add_compile_options(*command, options->compile);
  command->add_option("--confusion", options->confusion, "PNG for the confusion matrix");
  command->add_option("--json", options->json, "File for the figures as JSON ('-': stdout)");
  on_chosen(command, globals, options, evaluate);
}

}  // namespace blindsight::cli
