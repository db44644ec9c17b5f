// Models by name or path, with their cards, up to the compiled program.
#pragma once

#include <CLI/CLI.hpp>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

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

/// How it should be compiled.
struct CompileOptions {
  std::optional<double> precision;
  unsigned log_n = 0;
};

/// --precision and --log-n.
void add_compile_options(CLI::App& command, CompileOptions& options);

/// With the ranges and input bound that the card gives.
compiler::Compiled compile_model(const Model& model, const CompileOptions& options = {});

/// The longest |input| that 8-bit pixels give after preprocessing.
double input_bound(const vision::Preprocess& preprocess);

/// The card's "range": bounds before each square, then of the logits; empty where it is absent or doesn't fit `depth`.
std::vector<double> card_ranges(const std::string& card_json, std::size_t depth);

}  // namespace blindsight::cli
