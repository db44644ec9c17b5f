#include "blindsight/cli/trace.h"

#include <fmt/format.h>

#include <cmath>

#include "blindsight/cli/profile.h"

namespace blindsight::cli {
namespace {

using compiler::Op;
using compiler::OpKind;

constexpr int kLayers = 1, kOperations = 2;  // threads

Json named(const char* what, std::size_t image, const std::string& name, int thread = 0) {
  Json event = {{"name", what}, {"ph", "M"}, {"pid", image}, {"args", {{"name", name}}}};
  if (thread != 0) event["tid"] = thread;
  return event;
}

Json span(const std::string& name, const std::string& category, double start, double end, std::size_t image,
          int thread) {
  return {{"name", name}, {"cat", category}, {"ph", "X"}, {"ts", 1e6 * start}, {"dur", 1e6 * (end - start)},
          {"pid", image}, {"tid", thread}};
}

Json arguments(const runtime::Executor& executor, std::size_t i) {
  const Op& op = executor.program().ops[i];
  Json out = {{"operation", i}, {"level", op.level}, {"log2_scale", std::log2(op.scale)}};
  if (op.kind == OpKind::kLinearMap) {
    out["products"] = executor.program().maps[op.operand].plan.terms.size();
    out["weights"] = executor.memory().kept[i] ? "kept" : "encoded on the fly";
  }
  return out;
}

}  // namespace

Json trace_json(const runtime::Executor& executor, std::span<const std::vector<runtime::OpTime>> runs) {
  Json events = Json::array();
  double begin = 0;
  for (std::size_t run = 0; run < runs.size(); ++run) {
    const std::size_t image = run + 1;
    events.push_back(named("process_name", image, fmt::format("image {}", image)));
    events.push_back(named("thread_name", image, "layers", kLayers));
    events.push_back(named("thread_name", image, "operations", kOperations));
    std::string layer;
    double layer_start = begin, end = begin;
    const auto close_layer = [&] {
      if (!layer.empty()) events.push_back(span(layer, "layer", layer_start, end, image, kLayers));
    };
    for (const runtime::OpTime& time : runs[run]) {
      const Op& op = executor.program().ops[time.op];
      const std::string label = label_of(op);
      const double start = begin + time.start;
      if (label != layer) {
        close_layer();
        layer = label;
        layer_start = start;
      }
      end = start + time.seconds;
      events.push_back(span(label, kind_of(op), start, end, image, kOperations));
      events.back()["args"] = arguments(executor, time.op);
    }
    close_layer();
    begin = end;
  }
  return {{"traceEvents", events}, {"displayTimeUnit", "ms"}};
}

}  // namespace blindsight::cli
