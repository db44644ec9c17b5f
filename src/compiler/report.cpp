#include <iomanip>
#include <ostream>
#include <sstream>

#include "blindsight/compiler/compile.h"

namespace blindsight::compiler {

namespace {

std::string bytes(std::size_t count) {
  std::ostringstream out;
  out << std::fixed << std::setprecision(1);
  if (count >= 10'000'000) {
    out << static_cast<double>(count) / 1e6 << " MB";
  } else {
    out << static_cast<double>(count) / 1e3 << " kB";
  }
  return out.str();
}

template <typename T>
std::string list(const std::vector<T>& values) {
  std::string out;
  for (const T& v : values) out += (out.empty() ? "" : " ") + std::to_string(v);
  return out;
}

}  // namespace

std::ostream& operator<<(std::ostream& stream, const Report& report) {
  std::ostringstream out;
  std::size_t width = 5;
  for (const LayerReport& layer : report.layers) width = std::max(width, layer.name.size());
  out << std::left << std::setw(static_cast<int>(width)) << "layer" << std::right << std::setw(7) << "in"
      << std::setw(7) << "out" << std::setw(13) << "ciphertexts" << std::setw(10) << "products" << std::setw(8)
      << "babies" << std::setw(8) << "giants" << std::setw(7) << "folds" << std::setw(7) << "level" << std::setw(8)
      << "ring" << '\n';
  for (const LayerReport& layer : report.layers) {
    const std::string products = std::to_string(layer.products) + (layer.paired ? " x2" : "   ");
    out << std::left << std::setw(static_cast<int>(width)) << layer.name << std::right << std::setw(7) << layer.columns
        << std::setw(7) << layer.rows << std::setw(13) << layer.ciphertexts << std::setw(10) << products << std::setw(8)
        << layer.babies << std::setw(8) << layer.giants << std::setw(7) << layer.folds << std::setw(7) << layer.level
        << std::setw(8) << "2^" + std::to_string(layer.log_n) << '\n';
  }
  out << std::fixed << std::setprecision(1);
  out << "depth            " << report.depth << " words\n";
  out << "ring             N = 2^" << report.log_n << ", log2(Q) = " << report.log_q << " (" << list(report.q_bits)
      << " bits), log2(P) = " << report.log_p << " (" << list(report.p_bits) << " bits)\n";
  for (const Report::Ring& ring : report.smaller) {
    out << "then             N = 2^" << ring.log_n << " from level " << ring.level << " on, log2(QP) = " << ring.log_qp
        << " of " << ring.log_qp_limit << " allowed\n";
  }
  if (!report.smaller.empty()) {
    out << "                 " << 100 * report.saved_by_smaller_rings
        << " % less work than in the largest ring alone\n";
  }
  out << "period           " << report.period << " slots\n";
  out << "security         128 bits: log2(QP) = " << report.log_q + report.log_p << " of " << report.log_qp_limit
      << " allowed\n";
  out << "key switches     " << report.key_switches << ", " << report.rotation_keys << " rotation keys\n";
  out << "evaluation keys  " << bytes(report.evaluation_key_bytes) << '\n';
  out << "upload           " << bytes(report.input_bytes) << " an image\n";
  out << "result           " << bytes(report.result_bytes) << '\n';
  out << "server memory    " << bytes(report.memory_bytes) << ", " << bytes(report.kept_weights) << " of "
      << bytes(report.encoded_weights) << " of weights kept encoded\n";
  out << "latency          about " << report.predicted_latency_ms << " ms on one thread";
  if (report.threads > 1) out << ", " << report.predicted_threads_ms << " ms on " << report.threads;
  out << "; no less than " << report.floor_ms << " ms\n";
  out << "precision        " << std::scientific << std::setprecision(1) << report.predicted_logit_error
      << " standard deviation of a logit's error (predicted)\n";
  return stream << out.str();
}

}  // namespace blindsight::compiler
