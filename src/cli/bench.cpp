// blindsight bench: the engine's own figures on this machine.
#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <functional>

#include "blindsight/base/parallel.h"
#include "blindsight/ckks/encoder.h"
#include "blindsight/ckks/encryptor.h"
#include "blindsight/ckks/evaluator.h"
#include "blindsight/cli/app.h"
#include "blindsight/cli/metrics.h"
#include "blindsight/cli/report.h"
#include "blindsight/cli/session.h"
#include "blindsight/ring/kernels.h"

namespace blindsight::cli {
namespace {

constexpr double kMillisecondsEach = 150;
constexpr int kMinRuns = 5;
constexpr int kMaxRuns = 2000;
constexpr double kScale = 1 << 30;

struct Options {
  std::string filter;
  std::string json;
};

/// Runs what the filter lets pass, and keeps the medians.
class Bench {
 public:
  Bench(std::string filter, bool quiet) : filter_(std::move(filter)), quiet_(quiet) {}
  bool wants(const std::string& name) const { return name.find(filter_) != std::string::npos; }
  /// Median of what `f` says it took, in ms, over runs for about kMillisecondsEach; `f` is run once before.
  void measure_reported(const std::string& name, const std::function<double()>& f) {
    if (!wants(name)) return;
    f();
    std::vector<double> times;
    double sum = 0;
    while (static_cast<int>(times.size()) < kMinRuns || (sum < kMillisecondsEach && times.size() < kMaxRuns)) {
      times.push_back(f());
      sum += times.back();
    }
    const Quantiles q = quantiles(times);
    results_.push_back({{"name", name}, {"median_ms", q.median}, {"p95_ms", q.p95}, {"runs", times.size()}});
    if (quiet_) return;
    fmt::print("{:<28} {:>10}   (p95 {}, {} runs)\n", name, human_ms(q.median), human_ms(q.p95), times.size());
  }
  /// The same with the clock around `f`.
  void measure(const std::string& name, const std::function<void()>& f) {
    measure_reported(name, [&f] {
      Stopwatch watch;
      f();
      return watch.lap_ms();
    });
  }
  const Json& results() const { return results_; }

 private:
  std::string filter_;
  bool quiet_;
  Json results_ = Json::array();
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
      const auto literal = ckks::ParametersLiteral::from_bits(log_n, {50}, {49});
      const ring::NttTables tables(std::size_t{1} << log_n, ring::Modulus(literal.q[0]));
      ring::AlignedVector<std::uint64_t> words(tables.n(), 1);
      for (std::size_t i = 0; i < words.size(); ++i) words[i] = i * i + 1;
      bench.measure(name, [&] { kernels->ntt_forward(words.data(), tables.n(), tables); });
    }
  }
}

void bench_scheme(Bench& bench) {
  const std::vector<std::string> names = {"ckks/encode",      "ckks/encrypt", "ckks/decrypt",        "ckks/expand",
                                          "ckks/rotate",      "ckks/hoist",   "ckks/hoisted-rotate", "ckks/square",
                                          "ckks/relinearise", "ckks/rescale", "ckks/keygen-16"};
  if (std::none_of(names.begin(), names.end(), [&](const auto& name) { return bench.wants(name); })) return;
  const auto context = ckks::Context::create(ckks::ParametersLiteral::from_bits(13, {34, 50, 47, 33}, {50}));
  const unsigned level = context->max_level();
  const ckks::SecretKey secret(context);
  ckks::KeyRequest request;
  request.want_relinearisation(context->literal(), level);
  for (int k = 0; k < 16; ++k) request.want_rotation(context->literal(), 1 + 3 * k, level);
  const auto keys = ckks::make_evaluation_keys(secret, request);
  const ckks::Encoder encoder(context);
  const ckks::Evaluator evaluator(context);
  std::vector<double> values(context->slots());
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<double>(i % 17) / 17;
  const auto plaintext = encoder.encode(values, kScale, level);
  const auto seeded = ckks::encrypt(secret, plaintext);
  const auto x = ckks::expand(*context, seeded);
  const auto hoisted = evaluator.hoist(x);
  const auto squared = evaluator.square(x);

  bench.measure("ckks/encode", [&] { encoder.encode(values, kScale, level); });
  bench.measure("ckks/encrypt", [&] { ckks::encrypt(secret, plaintext); });
  bench.measure("ckks/decrypt", [&] { encoder.decode(ckks::decrypt(secret, x)); });
  bench.measure("ckks/expand", [&] { ckks::expand(*context, seeded); });
  bench.measure("ckks/rotate", [&] { evaluator.rotate(x, 1, keys); });
  bench.measure("ckks/hoist", [&] { evaluator.hoist(x); });
  bench.measure("ckks/hoisted-rotate", [&] { evaluator.rotate(hoisted, 1, keys); });
  bench.measure("ckks/square", [&] { evaluator.square(x); });
  bench.measure("ckks/relinearise", [&] {
    auto copy = squared;
    evaluator.relinearise_inplace(copy, keys);
  });
  bench.measure("ckks/rescale", [&] {
    auto copy = x;
    evaluator.rescale_inplace(copy);
  });
  bench.measure("ckks/keygen-16", [&] { ckks::make_evaluation_keys(secret, request); });
}

void bench_models(Bench& bench) {
  for (const std::string& name : zoo_names()) {
    const std::string entry = "infer/" + name;
    if (!bench.wants(entry)) continue;
    const Model model = load_model(name);
    compiler::Compiled compiled = compile_model(model);
    const std::vector<double> black(compiled.program.input_elements);
    const Session session(std::move(compiled.program), model.card_json, kDefaultMemoryBudget);
    bench.measure_reported(entry, [&] { return session.classify(black).infer_ms; });
  }
}

void run_bench(const Options& options) {
  const bool quiet = options.json == "-";
  Bench bench(options.filter, quiet);
  if (!quiet) {
    fmt::print("{}, {} threads, kernels {}; medians\n", processor(), thread_count(), ring::kernels().name);
    fmt::print("ckks/*: N = 2^13, q of 34, 50, 47, 33 bits, p of 50; infer/*: the server's part for one image\n");
  }
  bench_ntt(bench);
  bench_scheme(bench);
  bench_models(bench);
  if (options.json.empty()) return;
  write_json(options.json, {{"processor", processor()},
                            {"threads", thread_count()},
                            {"isa", std::string(ring::kernels().name)},
                            {"results", bench.results()}});
}

}  // namespace

void add_bench(CLI::App& app, Globals& globals) {
  auto options = std::make_shared<Options>();
  CLI::App* command = add_command(app, globals, "bench", "Measure the engine on this machine",
                                  "  blindsight bench\n"
                                  "  blindsight bench --filter ntt/ --threads 1\n"
                                  "  blindsight bench --filter infer/ --json bench.json");
  command->add_option("--filter", options->filter, "Only what has this in its name: ntt/, ckks/, infer/, ...");
  command->add_option("--json", options->json, "File for the figures as JSON ('-': stdout)");
  on_chosen(command, globals, options, run_bench);
}

}  // namespace blindsight::cli
