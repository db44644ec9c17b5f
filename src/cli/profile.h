// Where the time of an inference goes: for chrome://tracing or Perfetto, and for people.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "blindsight/cli/report.h"
#include "blindsight/compiler/memory.h"
#include "blindsight/runtime/executor.h"

namespace blindsight::cli {

/// The runs of one program, one after the other: {"traceEvents": [...]} with an event an operation (times in
/// microseconds; one row an image) and, as its arguments, level, scale, products and whether the weights were encoded
/// beforehand.
Json trace_json(const runtime::Executor& executor, std::span<const std::vector<runtime::OpTime>> runs);

/// Seconds and share of every kind of operation and of every label, the mean over the runs.
std::string profile_table(const compiler::Program& program, std::span<const std::vector<runtime::OpTime>> runs);

}  // namespace blindsight::cli
