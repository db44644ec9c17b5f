// The course of an inference as a Chrome trace: for chrome://tracing, Perfetto or speedscope.
#pragma once

#include <span>
#include <vector>

#include "blindsight/cli/report.h"
#include "blindsight/runtime/executor.h"

namespace blindsight::cli {

/// The runs of one program, one after the other, in the Trace Event Format ("JSON object format"): a process of its own
/// for each image, with one thread of layers, the operations of one label in a row together, and one of operations
/// (name: their label, category: their kind; arguments: level, scale, products, whether the weights were kept). Times
/// in microseconds since the first run began.
Json trace_json(const runtime::Executor& executor, std::span<const std::vector<runtime::OpTime>> runs);

}  // namespace blindsight::cli
