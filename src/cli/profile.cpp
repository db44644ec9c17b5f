#include "blindsight/cli/profile.h"

#include <fmt/format.h>

#include <map>

#include "blindsight/compiler/cost.h"

namespace blindsight::cli {
namespace {

using compiler::Op;
using compiler::OpKind;

std::size_t products(const compiler::Program& program, const Op& op) {
  return op.kind == OpKind::kLinearMap ? program.maps[op.operand].plan.terms.size() : 0;
}

/// Names in order of their first operation, with their sums.
class Sums {
 public:
  void add(const std::string& name, const OpProfile& of, std::size_t products) {
    const auto [at, fresh] = index_.try_emplace(name, rows_.size());
    if (fresh) rows_.push_back({name});
    Row& row = rows_[at->second];
    ++row.count;
    row.products += products;
    row.ms += of.ms;
    row.predicted += of.predicted_ms;
    row.floor += of.floor.ms();
  }
  std::string table() const {
    Row total{"all"};
    std::size_t width = 10;
    for (const Row& row : rows_) {
      width = std::max(width, std::min<std::size_t>(row.name.size(), 60));
      total.count += row.count;
      total.products += row.products;
      total.ms += row.ms;
      total.predicted += row.predicted;
      total.floor += row.floor;
    }
    std::string text = fmt::format("{:<{}} {:>6} {:>10} {:>10} {:>7} {:>11} {:>9} {:>7}\n", "", width, "ops",
                                   "products", "ms", "share", "predicted", "floor", "ratio");
    for (const Row& row : rows_) text += line(row, width, total.ms);
    return text + line(total, width, total.ms);
  }

 private:
  struct Row {
    std::string name;
    std::size_t count = 0, products = 0;
    double ms = 0, predicted = 0, floor = 0;
  };
  static std::string line(const Row& row, std::size_t width, double all) {
    return fmt::format("{:<{}.{}} {:>6} {:>10} {:>10.1f} {:>5.1f} % {:>11.1f} {:>9.1f} {:>7}\n", row.name, width, width,
                       row.count, row.products, row.ms, all > 0 ? 100 * row.ms / all : 0, row.predicted, row.floor,
                       row.floor > 0 ? fmt::format("{:.1f}", row.ms / row.floor) : "-");
  }
  std::map<std::string, std::size_t> index_;
  std::vector<Row> rows_;
};

}  // namespace

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

std::vector<OpProfile> profile(const runtime::Executor& executor, std::span<const std::vector<runtime::OpTime>> runs,
                               int threads) {
  const compiler::Program& program = executor.program();
  const ckks::Context& context = executor.context();
  const compiler::Rates& rates = compiler::measured_rates(context, threads);
  std::vector<OpProfile> out(program.ops.size());
  const auto work = compiler::work_of(program, context, executor.memory());
  for (std::size_t i = 0; i < out.size(); ++i) {
    out[i].op = i;
    out[i].predicted_ms = compiler::nanoseconds(work[i], rates) * 1e-6;
    out[i].floor = compiler::floor_of(compiler::total(work[i]), rates, compiler::mean_bits(context));
  }
  for (const auto& run : runs) {
    for (const runtime::OpTime& time : run) out[time.op].ms += 1e3 * time.seconds / static_cast<double>(runs.size());
  }
  return out;
}

Json profile_json(const runtime::Executor& executor, std::span<const OpProfile> profile, std::size_t images,
                  int threads) {
  const compiler::Program& program = executor.program();
  const auto work = compiler::work_of(program, executor.context(), executor.memory());
  const double transform = compiler::butterflies(executor.context().n());
  Json operations = Json::array();
  double ms = 0, predicted = 0;
  for (const OpProfile& of : profile) {
    const Op& op = program.ops[of.op];
    const compiler::Work sum = compiler::total(work[of.op]);
    Json one = {{"operation", of.op},
                {"layer", label_of(op)},
                {"kind", kind_of(op)},
                {"level", op.level},
                {"ms", of.ms},
                {"predicted_ms", of.predicted_ms},
                {"floor_ms", of.floor.ms()},
                {"transforms", sum.butterflies / transform},
                {"multiply_adds", sum.key_products + sum.weight_products + sum.conversions},
                {"bytes", of.floor.bytes}};
    if (op.kind == OpKind::kLinearMap) {
      one["products"] = products(program, op);
      one["weights"] = executor.memory().kept[of.op] ? "kept" : "encoded on the fly";
    }
    ms += of.ms;
    predicted += of.predicted_ms;
    operations.push_back(std::move(one));
  }
  const auto& rates = compiler::measured_rates(executor.context(), threads);
  return {{"threads", threads},
          {"images", images},
          {"ms", ms},
          {"predicted_ms", predicted},
          {"floor_ms", compiler::floor_of(program, executor.context(), executor.memory(), rates).ms()},
          {"operations", operations}};
}

std::string profile_table(const compiler::Program& program, std::span<const OpProfile> profile) {
  Sums kinds, labels;
  for (const OpProfile& of : profile) {
    const Op& op = program.ops[of.op];
    kinds.add(kind_of(op), of, products(program, op));
    labels.add(label_of(op), of, products(program, op));
  }
  return kinds.table() + "\n" + labels.table();
}

}  // namespace blindsight::cli
