// The program: a straight list of ciphertext operations with level and scale on every value. What will run.
#pragma once

#include <iosfwd>
#include <limits>
#include <string>
#include <vector>

#include "blindsight/ckks/keys.h"
#include "blindsight/ckks/linear_map.h"
#include "blindsight/compiler/layout.h"

namespace blindsight::compiler {

/// Most ciphertexts that an image, a result, or the inputs or outputs of a linear map take.
inline constexpr std::size_t kMaxCiphertexts = 256;

enum class OpKind : std::uint8_t { kLinearMap, kAddVector, kSquare, kRescale, kDropLevel, kSwitchRing };

/// One operation; `level`, `scale` and `ring` are those of its results. A linear map reads and makes any number of
/// values, all at its level; the other kinds one. Only a switch changes the ring, to the next smaller one.
struct Op {
  OpKind kind;
  std::vector<std::uint32_t> inputs;
  std::vector<std::uint32_t> outputs;
  std::uint32_t operand = 0;  ///< index into maps (kLinearMap) or vectors (kAddVector)
  unsigned level = 0;
  double scale = 1;
  std::string label;  ///< names of the network's nodes that this came from
  unsigned ring = 0;  ///< steps from the largest
};

/// A linear map on slots, before encoding. weight_scale[i] is that of the weights on input i.
struct Map {
  ckks::LinearMapPlan plan;
  std::vector<ckks::Diagonal> diagonals;
  std::vector<double> weight_scale;
};

/// Whether Program::output_bound can be that: positive and finite.
inline bool is_bound(double bound) { return bound > 0 && bound <= std::numeric_limits<double>::max(); }

/// What a ciphertext program is, and what the client needs to speak to it. Values are numbered as produced, the input
/// ciphertexts first.
struct Program {
  ckks::ParametersLiteral parameters;
  unsigned input_level = 0;
  double input_scale = 1;
  Layout input;   ///< elements of the flattened CHW input tensor; one entry a slot, ciphertext after ciphertext
  Layout output;  ///< elements of the output vector, likewise, in the slots of the output's ring
  unsigned output_ring = 0;
  std::size_t input_elements = 0;
  std::size_t output_elements = 0;
  double output_bound = std::numeric_limits<double>::max();  ///< outputs of greater magnitude are no answer: the input
                                                             ///< was none that ranges were made for
  std::vector<Op> ops;
  std::vector<std::uint32_t> results;  ///< the values that are the output's ciphertexts
  std::vector<Map> maps;
  std::vector<ckks::Diagonal> vectors;
  ckks::KeyRequest keys;

  std::size_t slots(unsigned ring = 0) const { return std::size_t{1} << (parameters.log_n - 1 - ring); }
  std::size_t input_ciphertexts() const { return input.element.size() / slots(); }
  std::size_t output_ciphertexts() const { return output.element.size() / slots(output_ring); }
  /// Inputs and results of operations together.
  std::size_t values() const;
};

/// One line an operation.
std::ostream& operator<<(std::ostream& out, const Program& program);

/// Throws InvalidArgument where an operation's level, scale, operand or input doesn't follow from the ones before, or a
/// layout, map or vector doesn't fit the slots. Doesn't look at `keys`.
void validate(const Program& program);

/// The parameters of every ring, the largest first.
std::vector<ckks::ParametersLiteral> rings_of(const ckks::ParametersLiteral& parameters);

/// The keys that the program's operations use, each at the highest level where it is used.
ckks::KeyRequest required_keys(const Program& program);

}  // namespace blindsight::compiler
