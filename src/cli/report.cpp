#include "blindsight/cli/report.h"

#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <numeric>

#include "blindsight/base/file.h"
#include "blindsight/cli/metrics.h"
#include "blindsight/runtime/client.h"

namespace blindsight::cli {

void write_json(const std::string& file, const Json& json) {
  const std::string text = json.dump(2) + "\n";
  if (file == "-") {
    fmt::print("{}", text);
  } else {
    write_file(file, {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
  }
}

std::string human_bytes(double bytes) {
  if (bytes < 1e3) return fmt::format("{:.0f} B", bytes);
  if (bytes < 1e6) return fmt::format("{:.0f} kB", bytes / 1e3);
  if (bytes < 1e9) return fmt::format("{:.1f} MB", bytes / 1e6);
  return fmt::format("{:.2f} GB", bytes / 1e9);
}

std::string human_ms(double ms) {
  if (ms < 0.1) return fmt::format("{:.1f} µs", ms * 1e3);
  if (ms < 10) return fmt::format("{:.2f} ms", ms);
  if (ms < 1000) return fmt::format("{:.1f} ms", ms);
  return fmt::format("{:.2f} s", ms / 1e3);
}

double peak_memory_mb() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) * 1024 / 1e6;
}

double Stopwatch::lap_ms() {
  const auto now = std::chrono::steady_clock::now();
  const double ms = std::chrono::duration<double, std::milli>(now - last_).count();
  last_ = now;
  return ms;
}

std::string describe(const runtime::Answer& answer, const std::vector<std::string>& labels, std::size_t top) {
  if (!answer.plausible()) return "no answer (implausible logits: the image is unlike those the model was made for)";
  const std::vector<double> probabilities = runtime::softmax(answer.logits);
  std::vector<std::size_t> order(probabilities.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) { return probabilities[a] > probabilities[b]; });
  std::string text;
  for (std::size_t i = 0; i < std::min(std::max<std::size_t>(top, 1), order.size()); ++i) {
    const char* separator = i == 0 ? "" : i == 1 ? ", then " : ", ";
    text += fmt::format("{}{} ({:.1f} %)", separator, labels.at(order[i]), 100 * probabilities[order[i]]);
  }
  return text;
}

Json to_json(const runtime::Answer& answer, const std::vector<std::string>& labels) {
  const std::vector<double> probabilities = runtime::softmax(answer.logits);
  const std::size_t best = argmax(answer.logits);
  Json by_label = Json::object();
  for (std::size_t i = 0; i < probabilities.size(); ++i) by_label[labels.at(i)] = probabilities[i];
  return {{"label", labels.at(best)},        {"index", best},
          {"plausible", answer.plausible()}, {"probability", probabilities[best]},
          {"probabilities", by_label},       {"logits", answer.logits}};
}

}  // namespace blindsight::cli
