// Output: JSON objects, sizes, times, memory.
#pragma once

#include <chrono>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <vector>

#include "blindsight/runtime/client.h"

namespace blindsight::cli {

using Json = nlohmann::ordered_json;

/// To a file, whole or not at all; to stdout for "-".
void write_json(const std::string& file, const Json& json);

/// "181 kB", "3.2 MB" (powers of ten).
std::string human_bytes(double bytes);
/// "24.1 ms", "1.93 s".
std::string human_ms(double ms);

/// Largest resident size of this process so far, in MB (10^6 bytes).
double peak_memory_mb();

/// Milliseconds since it was made or last read.
class Stopwatch {
 public:
  double lap_ms();

 private:
  std::chrono::steady_clock::time_point last_ = std::chrono::steady_clock::now();
};

/// One image's result for people: "7 (99.3 %), then 2 (0.4 %), 3 (0.2 %)", or that there is none.
std::string describe(const runtime::Answer& answer, const std::vector<std::string>& labels, std::size_t top);
/// The same for programs: label, index, plausible, probability, probabilities{}, logits[].
Json to_json(const runtime::Answer& answer, const std::vector<std::string>& labels);

}  // namespace blindsight::cli
