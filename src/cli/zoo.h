// Models by name or path, with their cards, up to the compiled program.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "blindsight/cli/chunk_options.h"
#include "blindsight/compiler/compile.h"
#include "blindsight/nn/graph.h"
#include "blindsight/vision/card.h"

namespace blindsight::cli {

/// Where zoo models are looked for, in this order: $BLINDSIGHT_MODELS, <program>/../share/blindsight/models, the source
/// tree that the program was built from. Those that exist.
std::vector<std::filesystem::path> zoo_directories();
/// Names of all models (an ONNX file with a card beside it) in the zoo, sorted.
std::vector<std::string> zoo_names();

/// A network and what its card says.
struct Model {
  std::string name;
  std::filesystem::path file;
  std::string card_json;
  vision::Card card;
  nn::Graph graph;
};

/// `model` is a path (it contains a '/' or ends in .onnx) or a zoo name. The card is the .json of the same name unless
/// one is given. Throws InvalidArgument, naming the zoo's models, where there is none; what card, import and files
/// throw.
Model load_model(const std::string& model, const std::optional<std::filesystem::path>& card = std::nullopt);

/// The same, but for a model of chunks and --chunks off the model of whole images beside it, where its card names one.
Model load_model(const std::string& model, const std::optional<std::filesystem::path>& card,
                 const ChunkOptions& chunks);

/// Memory that the server's part may take where nothing else is said, in bytes.
inline constexpr std::uint64_t kDefaultMemoryBudget = 4'000'000'000;

/// How it should be compiled.
struct CompileOptions {
  std::optional<double> precision;
  unsigned log_n = 0;
  std::size_t max_rotation_keys = 0;  ///< 0: no limit
  bool ring_switching = true;
  bool mirror_image = false;
  std::uint64_t memory_budget = kDefaultMemoryBudget;
  std::optional<std::string> calibration;  ///< see calibration.h
};

/// --precision, --log-n, --max-rotation-keys, --no-ring-switching, --views, --calibration and --memory-budget.
void add_compile_options(CLI::App& command, CompileOptions& options);
/// --memory-budget alone, a size such as 3G or 500M (powers of ten; 0: no limit).
void add_memory_budget(CLI::App& command, std::uint64_t& budget);

/// With calibration images as the options say. Throws InvalidArgument for two views of a model of chunks.
compiler::Compiled compile_model(const Model& model, const CompileOptions& options = {});

}  // namespace blindsight::cli
