#include "blindsight/cli/zoo.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstdlib>
#include <set>

#include "blindsight/base/error.h"
#include "blindsight/base/file.h"
#include "blindsight/cli/calibration.h"
#include "blindsight/cli/report.h"
#include "blindsight/nn/import.h"
#include "blindsight/nn/network.h"

namespace blindsight::cli {
namespace fs = std::filesystem;
namespace {

constexpr std::uint64_t kMaxCardBytes = 1 << 20;

std::string read_text(const fs::path& path) {
  const Bytes bytes = read_file(path, kMaxCardBytes);
  return {bytes.begin(), bytes.end()};
}

bool looks_like_path(const std::string& model) {
  return model.find('/') != std::string::npos || fs::path(model).extension() == ".onnx";
}

fs::path find_model(const std::string& model) {
  if (looks_like_path(model)) return model;
  for (const fs::path& directory : zoo_directories()) {
    const fs::path file = directory / (model + ".onnx");
    if (fs::exists(file)) return file;
  }
  const auto names = zoo_names();
  throw InvalidArgument(fmt::format(
      "no model '{}': give the path of an ONNX file or one of {}", model,
      names.empty() ? "a zoo ($BLINDSIGHT_MODELS names its folder)" : fmt::format("{}", fmt::join(names, ", "))));
}

}  // namespace

std::vector<fs::path> zoo_directories() {
  std::vector<fs::path> candidates;
  if (const char* chosen = std::getenv("BLINDSIGHT_MODELS"); chosen != nullptr && *chosen != '\0') {
    candidates.emplace_back(chosen);
  }
  std::error_code ignored;
  const fs::path program = fs::read_symlink("/proc/self/exe", ignored);
  if (!program.empty()) candidates.push_back(program.parent_path().parent_path() / "share/blindsight/models");
  candidates.emplace_back(BLINDSIGHT_SOURCE_MODELS);
  std::erase_if(candidates, [&](const fs::path& path) { return !fs::is_directory(path, ignored); });
  return candidates;
}

std::vector<std::string> zoo_names() {
  std::set<std::string> names;
  for (const fs::path& directory : zoo_directories()) {
    for (const auto& entry : fs::directory_iterator(directory)) {
      fs::path file = entry.path();
      if (file.extension() != ".onnx") continue;
      if (fs::exists(file.replace_extension(".json"))) names.insert(file.stem().string());
    }
  }
  return {names.begin(), names.end()};
}

Model load_model(const std::string& model, const std::optional<fs::path>& card) {
  Model loaded;
  loaded.file = find_model(model);
  const Bytes onnx = read_file(loaded.file, nn::kMaxModelBytes);
  const fs::path card_file = card.value_or(fs::path(loaded.file).replace_extension(".json"));
  if (!card && !fs::exists(card_file)) {
    throw IoError(
        fmt::format("{} has no card: put it into {} or name it with --card", loaded.file.string(), card_file.string()));
  }
  loaded.card_json = read_text(card_file);
  loaded.card = vision::parse_card(loaded.card_json, card_file.string());
  loaded.name = loaded.card.name;
  loaded.graph = nn::import_onnx(onnx, loaded.file.string());
  const vision::Preprocess& p = loaded.card.preprocess;
  if (loaded.graph.input_shape != nn::Shape{p.channels(), p.height, p.width}) {
    throw InvalidArgument(fmt::format("{} takes {} (channels, height, width), but {} says {}x{}x{}",
                                      loaded.file.string(), nn::to_string(loaded.graph.input_shape), card_file.string(),
                                      p.channels(), p.height, p.width));
  }
  const auto outputs = nn::element_count(loaded.graph.shape_of(loaded.graph.output()));
  if (static_cast<std::size_t>(outputs) != loaded.card.labels.size()) {
    throw InvalidArgument(fmt::format("{} has {} outputs, but {} has {} labels", loaded.file.string(), outputs,
                                      card_file.string(), loaded.card.labels.size()));
  }
  return loaded;
}

Model load_model(const std::string& model, const std::optional<fs::path>& card, const ChunkOptions& chunks) {
  Model loaded = load_model(model, card);
  const bool off = chunks.mode == ChunkMode::kOff && loaded.card.chunks && !loaded.card.chunks->whole.empty();
  if (off) loaded = load_model((loaded.file.parent_path() / (loaded.card.chunks->whole + ".onnx")).string());
  check_chunk_mode(loaded.card, chunks);
  return loaded;
}

void add_memory_budget(CLI::App& command, std::uint64_t& budget) {
  command
      .add_option(
          "--memory-budget", budget,
          "Memory that the server's part should keep to, such as 3G or 500M; weights that don't fit are encoded "
          "whenever they are used (0: no limit)")
      ->transform(CLI::AsSizeValue(true))
      ->default_str("4G");
}

void add_compile_options(CLI::App& command, CompileOptions& options) {
  command
      .add_option("--precision", options.precision,
                  fmt::format("Largest predicted standard deviation of a logit's error (default: {})",
                              compiler::Options{}.precision))
      ->check(CLI::PositiveNumber);
  command.add_option("--log-n", options.log_n, "Ring degree 2^N (default: the smallest that serves)")
      ->check(CLI::Range(12, 16));
  command
      .add_option("--max-rotation-keys", options.max_rotation_keys,
                  "Most rotation keys that the client must make (default: as many as are fastest)")
      ->check(CLI::PositiveNumber);
  command.add_flag("!--no-ring-switching", options.ring_switching,
                   "Stay in the largest ring (default: go on in smaller ones where that is cheaper)");
  command
      .add_option("--views", options.mirror_image,
                  "flip: the client packs the image and its mirror image, the answer is the mean over both: more "
                  "accurate, slower (default: single)")
      ->transform(CLI::Transformer(std::map<std::string, bool>{{"single", false}, {"flip", true}}));
  command.add_option("--calibration", options.calibration,
                     "Images that tell how large values get: a data set or a folder (default: drawn ones)");
  add_memory_budget(command, options.memory_budget);
}

/// "range": {"logits": …} of a card: the largest |logit| that its author has seen; 0 where it says nothing.
double known_output_bound(const std::string& card_json) {
  const Json card = Json::parse(card_json, nullptr, false);
  if (!card.is_object() || !card.contains("range") || !card["range"].is_object()) return 0;
  const Json bound = card["range"].value("logits", Json(0));
  return bound.is_number() && bound.get<double>() > 0 ? bound.get<double>() : 0;
}

compiler::Compiled compile_model(const Model& model, const CompileOptions& options) {
  if (options.mirror_image && model.card.chunks) {
    throw InvalidArgument(model.name + " takes an image in chunks: --views flip is for models of whole images");
  }
  compiler::Options chosen;
  if (options.precision) chosen.precision = *options.precision;
  chosen.log_n = options.log_n;
  chosen.max_rotation_keys = options.max_rotation_keys;
  chosen.memory_budget = options.memory_budget;
  chosen.ring_switching = options.ring_switching && !model.card.chunks;  // parts are added up in one ring
  chosen.mirror_image = options.mirror_image;
  chosen.output_bound = known_output_bound(model.card_json);
  chosen.calibration = calibration_tensors(model.card, options.calibration);
  return compiler::compile(nn::to_network(model.graph), chosen);
}

}  // namespace blindsight::cli
