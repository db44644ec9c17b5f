// blindsight bench: the engine's own figures on this machine.
#include <fmt/format.h>

#include <fstream>
#include <optional>

#include "blindsight/base/parallel.h"
#include "blindsight/cli/app.h"
#include "blindsight/cli/bench.h"
#include "blindsight/cli/metrics.h"
#include "blindsight/cli/report.h"
#include "blindsight/cli/session.h"
#include "blindsight/compiler/cost.h"
#include "blindsight/compiler/floor.h"
#include "blindsight/ring/kernels.h"

namespace blindsight::cli {
namespace {

struct Options {
  std::vector<std::string> models;
  std::string filter;
  std::string json;
};

std::string processor() {
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);) {
    if (line.starts_with("model name")) return line.substr(line.find(':') + 2);
  }
  return "unknown";
}

void bench_ntt(Bench& bench) {
  for (const ring::Kernels* kernels : ring::available_kernels()) {
    for (unsigned log_n = ckks::kMinLogN; log_n <= ckks::kMaxLogN; ++log_n) {
      const std::string name = fmt::format("ntt/{}/2^{}", kernels->name, log_n);
      if (!bench.wants(name)) continue;
      const auto context = ckks::Context::create(ckks::ParametersLiteral::from_bits(log_n, {50}, {49}));
      const ring::NttTables& tables = context->basis(0)->tables(0);
      ring::AlignedVector<std::uint64_t> words(tables.n(), 1);
      for (std::size_t i = 0; i < words.size(); ++i) words[i] = i * i + 1;
      std::optional<double> floor;  // of the kernels in use
      if (kernels->name == ring::kernels().name) {
        const compiler::Work work{.butterflies = compiler::butterflies(tables.n())};
        floor = compiler::floor_of(work, compiler::measured_rates(*context, 1), 0).ms();
      }
      bench.measure(
          name, [&] { kernels->ntt_forward(words.data(), tables.n(), tables); }, floor);
    }
  }
}

void bench_model(Bench& bench, const std::string& name) {
  const Model model = load_model(name);
  const std::string entry = "infer/" + model.name;
  if (!bench.wants(entry)) return;
  compiler::Compiled compiled = compile_model(model);
  const std::vector<double> black(compiled.program.input_elements);
  const Session session(std::move(compiled.program), model.card_json, kDefaultMemoryBudget);
  const runtime::Executor& executor = session.executor();
  const compiler::Rates& rates = compiler::measured_rates(executor.context(), thread_count());
  bench.measure_reported(
      entry, [&] { return session.classify(black).infer_ms; },
      compiler::floor_of(executor.program(), executor.context(), executor.memory(), rates).ms(),
      compiler::predicted_latency_ms(executor.program(), executor.context(), executor.memory(), rates));
}

void run_bench(const Options& options) {
  const bool quiet = options.json == "-";
  Bench bench(options.filter, quiet);
  if (!quiet) {
    fmt::print("{}, {} threads, kernels {}; medians\n", processor(), thread_count(), ring::kernels().name);
    fmt::print("ckks/2^13: q of 34, 50, 47, 33 bits, p of 50; ckks/2^16: 24 primes of 50 bits, 10 in P, keys packed\n");
    fmt::print("infer/*: the server's part for one image\n");
    fmt::print("{:<34} {:>10} {:>10} {:>10} {:>6} {:>10}\n", "", "median", "p95", "floor", "ratio", "predicted");
  }
  bench_ntt(bench);
  bench_scheme(bench);
  const bool zoo = options.models.empty();
  for (const std::string& model : zoo ? zoo_names() : options.models) {
    if (!zoo || bench.wants("infer/" + model)) bench_model(bench, model);  // a network of the zoo is not read in vain
  }
  if (options.json.empty()) return;
  write_json(options.json, {{"processor", processor()},
                            {"threads", thread_count()},
                            {"isa", std::string(ring::kernels().name)},
                            {"results", bench.results()}});
}

}  // namespace

Bench::Bench(std::string filter, bool quiet) : filter_(std::move(filter)), quiet_(quiet) {}

void Bench::measure_reported(const std::string& name, const std::function<double()>& f, std::optional<double> floor,
                             std::optional<double> predicted) {
  constexpr double kMillisecondsEach = 150;
  constexpr std::size_t kMinRuns = 5, kMaxRuns = 2000;
  if (!wants(name)) return;
  f();
  std::vector<double> times;
  double sum = 0;
  while (times.size() < kMinRuns || (sum < kMillisecondsEach && times.size() < kMaxRuns)) {
    times.push_back(f());
    sum += times.back();
  }
  const Quantiles q = quantiles(times);
  Json result = {{"name", name}, {"median_ms", q.median}, {"p95_ms", q.p95}, {"runs", times.size()}};
  if (floor) {
    result["floor_ms"] = *floor;
    result["ratio"] = *floor > 0 ? Json(q.median / *floor) : Json(nullptr);
  }
  if (predicted) result["predicted_ms"] = *predicted;
  results_.push_back(std::move(result));
  if (quiet_) return;
  fmt::print("{:<34} {:>10} {:>10} {:>10} {:>6} {:>10}\n", name, human_ms(q.median), human_ms(q.p95),
             floor ? human_ms(*floor) : "", floor && *floor > 0 ? fmt::format("{:.1f}", q.median / *floor) : "",
             predicted ? human_ms(*predicted) : "");
}

void Bench::measure(const std::string& name, const std::function<void()>& f, std::optional<double> floor,
                    std::optional<double> predicted) {
  const auto timed = [&f] {
    Stopwatch watch;
    f();
    return watch.lap_ms();
  };
  measure_reported(name, timed, floor, predicted);
}

void add_bench(CLI::App& app, Globals& globals) {
  auto options = std::make_shared<Options>();
  CLI::App* command = add_command(app, globals, "bench", "Measure the engine on this machine",
                                  "  blindsight bench\n"
                                  "  blindsight bench --filter ntt/ --threads 1\n"
                                  "  blindsight bench --filter infer/ --json bench.json\n"
                                  "  blindsight bench resnet20.onnx --filter infer/");
  command->add_option("MODEL", options->models, "Models for infer/ instead of the zoo's: names or ONNX files");
  command->add_option("--filter", options->filter, "Only what has this in its name: ntt/, ckks/, infer/, ...");
  command->add_option("--json", options->json, "File for the figures as JSON ('-': stdout)");
  on_chosen(command, globals, options, run_bench);
}

}  // namespace blindsight::cli
