// ONNX files in: checked, shape-inferred, constants folded, everything that can't be encrypted refused by name.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>

#include "blindsight/nn/graph.h"

namespace blindsight::nn {

/// Largest ONNX file that is read.
inline constexpr std::uint64_t kMaxModelBytes = std::uint64_t{512} << 20;

/// Reads an ONNX file (opsets 9 to 18) with one image input {1 or symbolic, C, H, W} and one vector output.
/// Throws IoError where it can't be read or is too large, FormatError where it is no valid ONNX model, and
/// UnsupportedModel, with the node's name, its type and what to use instead, where a layer can't be evaluated.
Graph import_onnx(const std::filesystem::path& path);

/// The same from memory; `name` stands for the file in messages.
Graph import_onnx(std::span<const std::uint8_t> bytes, std::string name);

}  // namespace blindsight::nn
