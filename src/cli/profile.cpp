#include "blindsight/cli/profile.h"

#include <fmt/format.h>

#include <cmath>
#include <map>

namespace blindsight::cli {
namespace {

using compiler::Op;
using compiler::OpKind;
using Runs = std::span<const std::vector<runtime::OpTime>>;

const char* kind_of(const Op& op) {
  switch (op.kind) {
    case OpKind::kLinearMap:
      return "linear map";
    case OpKind::kAddVector:
      return "add vector";
    case OpKind::kSquare:
      return "square";
    case OpKind::kRescale:
      return "rescale";
    case OpKind::kDropLevel:
      return "drop level";
    case OpKind::kSwitchRing:
      return "switch ring";
  }
  return "?";
}

std::string label_of(const Op& op) { return op.label.empty() ? kind_of(op) : op.label; }

/// Names in order of their first operation, with their seconds.
class Sums {
 public:
  void add(const std::string& name, double seconds, std::size_t products = 0) {
    const auto [at, fresh] = index_.try_emplace(name, rows_.size());
    if (fresh) rows_.push_back({name, 0, 0, 0});
    Row& row = rows_[at->second];
    row.seconds += seconds;
    row.products += products;
    ++row.count;
  }
  std::string table(double runs) const {
    std::size_t width = 10;
    double total = 0;
    for (const Row& row : rows_) {
      width = std::max(width, std::min<std::size_t>(row.name.size(), 60));
      total += row.seconds;
    }
    std::string text = fmt::format("{:<{}} {:>6} {:>10} {:>10} {:>7}\n", "", width, "ops", "products", "ms", "share");
    for (const Row& row : rows_) {
      text += fmt::format("{:<{}.{}} {:>6} {:>10} {:>10.1f} {:>5.1f} %\n", row.name, width, width,
                          std::lround(static_cast<double>(row.count) / runs),
                          std::lround(static_cast<double>(row.products) / runs), 1e3 * row.seconds / runs,
                          total > 0 ? 100 * row.seconds / total : 0);
    }
    return text;
  }

 private:
  struct Row {
    std::string name;
    std::size_t count;
    std::size_t products;
    double seconds;
  };
  std::map<std::string, std::size_t> index_;
  std::vector<Row> rows_;
};

std::size_t products(const compiler::Program& program, const Op& op) {
  return op.kind == OpKind::kLinearMap ? program.maps[op.operand].plan.terms.size() : 0;
}

}  // namespace

Json trace_json(const runtime::Executor& executor, Runs runs) {
  const compiler::Program& program = executor.program();
  Json events = Json::array();
  double begin = 0;
  for (std::size_t run = 0; run < runs.size(); ++run) {
    double end = begin;
    for (const runtime::OpTime& time : runs[run]) {
      const Op& op = program.ops[time.op];
      Json arguments = {{"operation", time.op}, {"level", op.level}, {"log2_scale", std::log2(op.scale)}};
      if (op.kind == OpKind::kLinearMap) {
        arguments["products"] = products(program, op);
        arguments["weights"] = executor.memory().kept[time.op] ? "kept" : "encoded on the fly";
      }
      events.push_back({{"name", label_of(op)},
                        {"cat", kind_of(op)},
                        {"ph", "X"},
                        {"ts", 1e6 * (begin + time.start)},
                        {"dur", 1e6 * time.seconds},
                        {"pid", 1},
                        {"tid", run + 1},
                        {"args", arguments}});
      end = begin + time.start + time.seconds;
    }
    begin = end;
  }
  return {{"traceEvents", events}, {"displayTimeUnit", "ms"}};
}

std::string profile_table(const compiler::Program& program, Runs runs) {
  Sums kinds, labels;
  for (const auto& run : runs) {
    for (const runtime::OpTime& time : run) {
      const Op& op = program.ops[time.op];
      kinds.add(kind_of(op), time.seconds, products(program, op));
      labels.add(label_of(op), time.seconds, products(program, op));
    }
  }
  const auto count = static_cast<double>(std::max<std::size_t>(runs.size(), 1));
  return kinds.table(count) + "\n" + labels.table(count);
}

}  // namespace blindsight::cli
