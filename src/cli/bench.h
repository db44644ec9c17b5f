// Measuring: medians beside the least that the machine allows.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "blindsight/cli/report.h"

namespace blindsight::cli {

/// Runs what the filter lets pass, and keeps the medians.
class Bench {
 public:
  Bench(std::string filter, bool quiet);
  bool wants(const std::string& name) const { return name.find(filter_) != std::string::npos; }
  /// Median of what `f` says it took, in ms, over at least five runs and about 150 ms; `f` is run once before. `floor`,
  /// in ms: see compiler/floor.h; `predicted` by the cost model.
  void measure_reported(const std::string& name, const std::function<double()>& f, std::optional<double> floor = {},
                        std::optional<double> predicted = {});
  /// The same with the clock around `f`.
  void measure(const std::string& name, const std::function<void()>& f, std::optional<double> floor = {},
               std::optional<double> predicted = {});
  const Json& results() const { return results_; }

 private:
  std::string filter_;
  bool quiet_;
  Json results_ = Json::array();
};

/// ckks/2^13/..., ckks/2^16/...: encoding, encryption, the evaluator's operations, a linear map, keys.
void bench_scheme(Bench& bench);

}  // namespace blindsight::cli
