// blindsight models: the zoo.
#include <fmt/format.h>

#include "blindsight/cli/app.h"
#include "blindsight/cli/metrics.h"
#include "blindsight/cli/progress.h"
#include "blindsight/cli/report.h"
#include "blindsight/cli/session.h"

namespace blindsight::cli {
namespace {

constexpr int kRuns = 5;

struct Options {
  bool fast = false;
  bool json = false;
};

struct Row {
  Model model;
  compiler::Report report;
  std::optional<double> infer_ms;
};

Row examine(const std::string& name, bool measure) {
  Row row{load_model(name), {}, {}};
  compiler::Compiled compiled = compile_model(row.model);
  row.report = compiled.report;
  if (measure) {
    const std::vector<double> black(compiled.program.input_elements);
    const Session session(std::move(compiled.program), row.model.card_json, kDefaultMemoryBudget);
    session.classify(black);
    std::vector<double> times;
    for (int i = 0; i < kRuns; ++i) times.push_back(session.classify(black).infer_ms);
    row.infer_ms = quantiles(times).median;
  }
  return row;
}

std::string clear_accuracy(const vision::Card& card) {
  const auto found = card.accuracy.find("clear");
  return found == card.accuracy.end() ? "-" : fmt::format("{:.2f} %", found->second);
}

void print(const std::vector<Row>& rows) {
  fmt::print("{:<20} {:<14} {:>9} {:>6} {:>6} {:>13} {:>10}\n", "model", "data set", "accuracy", "words", "ring",
             "latency", "keys");
  for (const Row& row : rows) {
    const std::string latency =
        row.infer_ms ? human_ms(*row.infer_ms) : "~" + human_ms(row.report.predicted_threads_ms);
    fmt::print("{:<20} {:<14} {:>9} {:>6} {:>6} {:>13} {:>10}\n", row.model.name, row.model.card.dataset,
               clear_accuracy(row.model.card), row.report.depth, fmt::format("2^{}", row.report.log_n), latency,
               human_bytes(static_cast<double>(row.report.evaluation_key_bytes)));
  }
}

Json to_json(const Row& row) {
  return {{"model", row.model.name},
          {"file", row.model.file.string()},
          {"dataset", row.model.card.dataset},
          {"accuracy", row.model.card.accuracy},
          {"depth", row.report.depth},
          {"log_n", row.report.log_n},
          {"infer_ms", row.infer_ms ? Json(*row.infer_ms) : Json(nullptr)},
          {"predicted_ms", row.report.predicted_threads_ms},
          {"eval_keys_bytes", row.report.evaluation_key_bytes}};
}

void list(const Options& options) {
  std::vector<Row> rows;
  const auto names = zoo_names();
  {
    Progress progress("models", names.size());
    for (const std::string& name : names) {
      rows.push_back(examine(name, !options.fast));
      progress.advance();
    }
  }
  if (options.json) {
    Json models = Json::array();
    for (const Row& row : rows) models.push_back(to_json(row));
    write_json("-", {{"models", models}});
  } else if (rows.empty()) {
    fmt::print("No models: $BLINDSIGHT_MODELS names the folder to look in.\n");
  } else {
    print(rows);
  }
}

}  // namespace

void add_models(CLI::App& app, Globals& globals) {
  auto options = std::make_shared<Options>();
  CLI::App* command = add_command(app, globals, "models", "List the model zoo, each latency measured on this machine",
                                  "  blindsight models\n"
                                  "  blindsight models --fast --json");
  command->add_flag("--fast", options->fast, "Predict latencies instead of measuring them");
  command->add_flag("--json", options->json, "Print JSON");
  on_chosen(command, globals, options, list);
}

}  // namespace blindsight::cli
