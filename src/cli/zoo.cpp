#include "blindsight/cli/zoo.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <set>

#include "blindsight/base/error.h"
#include "blindsight/base/file.h"
#include "blindsight/nn/affine.h"
#include "blindsight/nn/import.h"

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

bool is_bound(const nlohmann::json& value) { return value.is_number() && value.get<double>() > 0; }

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

double input_bound(const vision::Preprocess& preprocess) {
  double bound = 0;
  for (std::size_t c = 0; c < preprocess.mean.size(); ++c) {
    const double mean = preprocess.mean[c];
    const double std = preprocess.std[c];
    bound = std::max({bound, std::abs(mean / std), std::abs((255 * preprocess.scale - mean) / std)});
  }
  return bound;
}

std::vector<double> card_ranges(const std::string& card_json, std::size_t depth) {
  const auto json = nlohmann::json::parse(card_json, nullptr, false);
  if (!json.is_object() || !json.contains("range")) return {};
  const auto& range = json["range"];
  std::vector<double> bounds;
  if (range.is_array()) {
    for (const auto& bound : range) {
      if (!is_bound(bound)) return {};
      bounds.push_back(bound.get<double>());
    }
  } else if (range.is_object()) {
    for (std::size_t i = 1; i <= depth; ++i) {
      const std::string key = fmt::format("before_square_{}", i);
      if (!range.contains(key) || !is_bound(range[key])) return {};
      bounds.push_back(range[key].get<double>());
    }
    if (!range.contains("logits") || !is_bound(range["logits"])) return {};
    bounds.push_back(range["logits"].get<double>());
  }
  if (bounds.size() != depth + 1) return {};
  return bounds;
}

void add_compile_options(CLI::App& command, CompileOptions& options) {
  command.add_option("--precision", options.precision, "Largest predicted standard deviation of a logit's error")
      ->check(CLI::PositiveNumber);
  command.add_option("--log-n", options.log_n, "Ring degree 2^N (default: the smallest that serves)")
      ->check(CLI::Range(12, 16));
}

compiler::Compiled compile_model(const Model& model, const CompileOptions& options) {
  const nn::QuadraticChain chain = nn::to_chain(model.graph);
  compiler::Options chosen;
  if (options.precision) chosen.precision = *options.precision;
  chosen.log_n = options.log_n;
  chosen.input_bound = input_bound(model.card.preprocess);
  chosen.ranges = card_ranges(model.card_json, chain.depth());
  return compiler::compile(chain, chosen);
}

}  // namespace blindsight::cli
