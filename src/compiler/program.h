// The program: a straight list of ciphertext operations with level and scale on every value. What will run.
#pragma once

#include <iosfwd>
#include <string>
#include <vector>

#include "blindsight/ckks/keys.h"
#include "blindsight/ckks/linear_transform.h"
#include "blindsight/compiler/layout.h"

namespace blindsight::compiler {

enum class OpKind : std::uint8_t { kLinearTransform, kAddVector, kSquare, kRescale, kDropLevel };

/// One operation; `level` and `scale` are those of its result. Values are numbered as produced, value 0 is the input.
struct Op {
  OpKind kind;
  std::uint32_t input;
  std::uint32_t output;
  std::uint32_t operand = 0;  ///< index into transforms (kLinearTransform) or vectors (kAddVector)
  unsigned level = 0;
  double scale = 1;
  std::string label;  ///< names of the network's nodes that this came from
};

/// A linear map on slots, before encoding.
struct Transform {
  ckks::LinearTransformPlan plan;
  std::vector<std::vector<double>> diagonals;
  double scale = 1;
};

/// What a ciphertext program is, and what the client needs to speak to it.
struct Program {
  ckks::ParametersLiteral parameters;
  unsigned input_level = 0;
  double input_scale = 1;
  Layout input;   ///< elements of the flattened CHW input tensor
  Layout output;  ///< elements of the output vector
  std::size_t input_elements = 0;
  std::size_t output_elements = 0;
  std::vector<Op> ops;
  std::vector<Transform> transforms;
  std::vector<std::vector<double>> vectors;
  ckks::KeyRequest keys;

  std::size_t slots() const { return std::size_t{1} << (parameters.log_n - 1); }
};

/// One line an operation.
std::ostream& operator<<(std::ostream& out, const Program& program);

/// Throws InvalidArgument where an operation's level, scale, operand or input doesn't follow from the ones before.
void validate(const Program& program);

/// The keys that the program's operations use, each at the highest level where it is used.
ckks::KeyRequest required_keys(const Program& program);

}  // namespace blindsight::compiler
