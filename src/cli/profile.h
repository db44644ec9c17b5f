// Where the time of an inference goes, and how far it is from what the machine allows.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "blindsight/cli/report.h"
#include "blindsight/compiler/floor.h"
#include "blindsight/runtime/executor.h"

namespace blindsight::cli {

/// "linear map", "square", ...
const char* kind_of(const compiler::Op& op);
/// The names of the network's nodes that it came from, else its kind.
std::string label_of(const compiler::Op& op);

/// One operation, the mean over the runs, with what the cost model says of it.
struct OpProfile {
  std::size_t op = 0;
  double ms = 0, predicted_ms = 0;
  compiler::Floor floor;
};

/// `threads`: those that the runs had.
std::vector<OpProfile> profile(const runtime::Executor& executor, std::span<const std::vector<runtime::OpTime>> runs,
                               int threads);

/// {"threads", "images", "ms", "predicted_ms", "floor_ms", "operations": [...]}.
Json profile_json(const runtime::Executor& executor, std::span<const OpProfile> profile, std::size_t images,
                  int threads);

/// Milliseconds, share, prediction, floor and measured over floor, of every kind of operation and of every label.
std::string profile_table(const compiler::Program& program, std::span<const OpProfile> profile);

}  // namespace blindsight::cli
