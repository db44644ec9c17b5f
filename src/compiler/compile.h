// From a network to a program.
#pragma once

#include <string>
#include <vector>

#include "blindsight/compiler/program.h"
#include "blindsight/nn/network.h"

namespace blindsight::compiler {

struct Options {
  /// Largest predicted standard deviation of a logit's error.
  double precision = 2e-2;
  /// Typical inputs, preprocessed: from them come the ranges of values and their sensitivity to errors. Empty: random
  /// ones of absolute value at most `input_bound`, which say little of a deep network.
  std::vector<std::vector<double>> calibration;
  double input_bound = 4;
  /// Largest |logit| known of any image, where one is: the result keeps clear of its modulus by a factor of two of
  /// this, and of kOutputMargin over what calibration shows. The client takes twice as much (or, where it is not known,
  /// four times what calibration shows) for the sign of an image that the network was not made for.
  double output_bound = 0;
  /// 0: the smallest ring that serves.
  unsigned log_n = 0;
  /// 0: no bound.
  std::size_t max_rotation_keys = 0;
  /// Bytes that the evaluation keys should not exceed, where a choice of baby and giant steps can help it.
  std::size_t evaluation_key_budget = 1'000'000'000;
  /// Whether the program may go on in smaller rings once its modulus has shrunk; it does where that is cheaper.
  bool ring_switching = true;
  /// Whether the client packs the image's mirror image too, and the logits are the mean over both.
  bool mirror_image = false;
  /// Bytes that the server's memory is planned for, see plan_memory(); 0: all weights are kept encoded.
  std::size_t memory_budget = 0;
};

/// What `compile` prints.
struct LayerReport {
  std::string name;
  std::size_t rows = 0, columns = 0, ciphertexts = 0, products = 0;
  bool paired = false;  ///< every product serves two diagonals
  std::size_t babies = 0, giants = 0, folds = 0;
  unsigned level = 0, log_n = 0;
};
struct Report {
  std::vector<LayerReport> layers;
  unsigned depth = 0;  ///< words consumed
  unsigned log_n = 0;
  std::size_t period = 0;  ///< slots after which the tensors repeat
  double log_q = 0, log_p = 0, log_qp_limit = 0;
  /// Of every smaller ring: its degree, highest level, log2(QP) and the limit of that.
  struct Ring {
    unsigned log_n = 0, level = 0;
    double log_qp = 0, log_qp_limit = 0;
  };
  std::vector<Ring> smaller;
  double saved_by_smaller_rings = 0;  ///< in parts of what the same operations would take in the largest
  std::vector<unsigned> q_bits, p_bits;
  std::size_t key_switches = 0, rotation_keys = 0;
  std::size_t input_bytes = 0, result_bytes = 0, evaluation_key_bytes = 0, memory_bytes = 0;
  std::size_t encoded_weights = 0, kept_weights = 0;  ///< bytes: all of them; those that the memory budget lets stay
  double predicted_logit_error = 0;                   ///< standard deviation
  double predicted_latency_ms = 0;                    ///< on one thread
  int threads = 1;                                    ///< that this process may use
  double predicted_threads_ms = 0;                    ///< on so many
  double floor_ms = 0;                                ///< of as many, see floor.h
};
std::ostream& operator<<(std::ostream& out, const Report& report);

struct Compiled {
  Program program;
  Report report;
};

/// Searches the smallest ring that holds the depth, the precision and 128 bits, and the cheapest layouts on it.
/// Throws UnsupportedModel with the depth found and the depth available where none does.
Compiled compile(const nn::QuadraticNetwork& network, const Options& options = {});

}  // namespace blindsight::compiler
