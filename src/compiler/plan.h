// plan.bs (the server's: holds the weights) and manifest.bs (public: holds none).
#pragma once

#include <string>

#include "blindsight/ckks/serialise.h"
#include "blindsight/compiler/program.h"

namespace blindsight::compiler {

/// All that a client needs: parameters, keys to make, where pixels go and logits come from, and the model's card.
struct Manifest {
  ckks::ParametersLiteral parameters;
  ckks::KeyRequest keys;
  unsigned input_level = 0;
  double input_scale = 1;
  Layout input, output;
  unsigned output_ring = 0;
  std::size_t input_elements = 0, output_elements = 0;
  double output_bound = std::numeric_limits<double>::max();  ///< see Program
  std::string card;                                          ///< JSON, see the vision room
};
Manifest make_manifest(const Program& program, std::string card);

/// Whole files (header, checksum). Reading validates everything. Throw FormatError, SecurityError.
Bytes write_manifest(const Manifest& manifest);
Manifest read_manifest(std::span<const std::uint8_t> file);
Bytes write_plan(const Program& program, const std::string& card);
struct Plan {
  Program program;
  std::string card;
};
Plan read_plan(std::span<const std::uint8_t> file);

}  // namespace blindsight::compiler
