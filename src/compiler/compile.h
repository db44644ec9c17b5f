// From a network to a program.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "blindsight/compiler/program.h"
#include "blindsight/nn/affine.h"

namespace blindsight::compiler {

struct Options {
  /// Largest predicted standard deviation of a logit's error.
  double precision = 2e-2;
  /// Known bounds of |values| before each square and of the logits (last); empty: estimated from the weights and
  /// `input_bound`.
  std::vector<double> ranges;
  /// Bound of |input| after preprocessing.
  double input_bound = 4;
  /// 0: the smallest ring that serves.
  unsigned log_n = 0;
};

/// What `compile` prints.
struct LayerReport {
  std::string name;
  std::size_t rows = 0, columns = 0, diagonals = 0, rotations = 0, folds = 0;
  unsigned level = 0;
};
struct Report {
  std::vector<LayerReport> layers;
  unsigned depth = 0;  ///< words consumed
  unsigned log_n = 0;
  double log_q = 0, log_p = 0, log_qp_limit = 0;
  std::vector<unsigned> q_bits, p_bits;
  std::size_t key_switches = 0, rotation_keys = 0;
  std::size_t input_bytes = 0, result_bytes = 0, evaluation_key_bytes = 0, memory_bytes = 0;
  double predicted_logit_error = 0;  ///< standard deviation
  double predicted_latency_ms = 0;   ///< one thread
};
std::ostream& operator<<(std::ostream& out, const Report& report);

struct Compiled {
  Program program;
  Report report;
};

/// Searches the smallest ring that holds the depth, the precision and 128 bits, and the cheapest layouts on it.
/// Throws UnsupportedModel with the depth found and the depth available where none does.
Compiled compile(const nn::QuadraticChain& chain, const Options& options = {});

}  // namespace blindsight::compiler
