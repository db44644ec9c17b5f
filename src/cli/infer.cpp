// blindsight infer: the server's part. Knows the plan and the evaluation keys; no secret key, no image.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <iterator>

#include "blindsight/base/error.h"
#include "blindsight/base/file.h"
#include "blindsight/base/parallel.h"
#include "blindsight/ckks/serialise.h"
#include "blindsight/cli/app.h"
#include "blindsight/cli/files.h"
#include "blindsight/cli/input.h"
#include "blindsight/cli/profile.h"
#include "blindsight/cli/progress.h"
#include "blindsight/cli/report.h"
#include "blindsight/cli/trace.h"
#include "blindsight/cli/zoo.h"
#include "blindsight/ring/aligned.h"
#include "blindsight/runtime/executor.h"

namespace blindsight::cli {
namespace fs = std::filesystem;
namespace {

struct Options {
  fs::path plan;
  fs::path keys;
  fs::path input;
  fs::path output;
  std::string profile;
  std::string trace;
  std::uint64_t memory_budget = kDefaultMemoryBudget;
};

/// Results of images in chunks, one after the other. The plan's card says how the network takes them.
std::vector<ckks::Ciphertext> infer_parts(const compiler::Plan& plan, const ckks::ContextPtr& context,
                                          std::span<const runtime::PartsUpload> images,
                                          const ckks::EvaluationKeys& keys, std::uint64_t memory_budget) {
  const PartsShape shape = parts_shape(vision::parse_card(plan.card, "the plan's card"), images[0].index.size());
  const runtime::PartsExecutor executor(context, plan.program, shape.group, shape.parts, shape.levels, memory_budget);
  ring::drop_cached_blocks();  // of loading and encoding: the run needs others
  std::vector<ckks::Ciphertext> results;
  Progress progress("infer", images.size());
  for (const runtime::PartsUpload& image : images) {
    auto result = executor.run(image, keys);
    std::move(result.begin(), result.end(), std::back_inserter(results));
    if (images.size() > 1) progress.advance();
  }
  return results;
}

void print_summary(const Options& options, std::size_t images, std::size_t bytes, double each_ms, double peak) {
  fmt::print("wrote {}: {} result{}, {}, {} each, peak memory {:.0f} MB\n", options.output.string(), images,
             images == 1 ? "" : "s", human_bytes(static_cast<double>(bytes)), human_ms(each_ms), peak);
}

/// What a memory budget leaves to the program beside its images: while they are read, they are there as the file has
/// them too.
std::uint64_t beside(std::uint64_t budget, const fs::path& images) {
  if (budget == 0) return 0;
  std::error_code unreadable;  // which reading it will say
  const std::uintmax_t file = fs::file_size(images, unreadable);
  const std::uint64_t taken = unreadable ? 0 : std::min<std::uint64_t>(budget - 1, 2 * file);
  return budget - taken;
}

void infer(const Options& options) {
  if (options.profile == "-" && options.trace == "-") {
    throw InvalidArgument("--profile and --trace both to stdout: name a file for one of them");
  }
  auto plan = std::make_shared<const compiler::Plan>(compiler::read_plan(read_file(file_of(options.plan, kPlanFile))));
  const auto context = ckks::Context::create(plan->program.parameters);
  compiler::MemoryPlan memory =
      compiler::plan_memory(plan->program, *context, beside(options.memory_budget, options.input));
  const ckks::EvaluationKeys keys =
      ckks::load_evaluation_keys(file_of(options.keys, kEvaluationKeysFile), memory.key_form);
  ckks::require_same_context(*context, *keys.context, "the evaluation keys");
  ckks::require_keys(keys, plan->program.keys);
  Bytes input_file = read_file(options.input);
  if (ckks::kind_of(input_file) == ckks::Kind::kPartsInput) {
    if (!options.profile.empty() || !options.trace.empty()) {
      throw InvalidArgument("--profile and --trace are for images in one piece");
    }
    const auto images = runtime::read_parts_file(input_file, *context, options.input.string());
    Stopwatch watch;
    const auto results = infer_parts(*plan, context, images, keys, options.memory_budget);
    const double each_ms = watch.lap_ms() / static_cast<double>(images.size());
    const Bytes bytes = ckks::write_result_file(*context, results);
    write_file(options.output, bytes);
    print_summary(options, images.size(), bytes.size(), each_ms, peak_memory_mb());
    return;
  }
  if (vision::parse_card(plan->card, "the plan's card").chunks) {
    throw InvalidArgument(options.input.string() +
                          " holds images in one piece, this plan takes them in chunks: "
                          "encrypt them with its own manifest");
  }
  const auto inputs = ckks::read_input_file(input_file, *context, options.input.string());
  input_file = {};
  const std::size_t each = plan->program.input_ciphertexts();
  const std::size_t images = images_in(inputs.size(), each, options.input.string());
  const runtime::Executor executor(context, {plan, &plan->program}, std::move(memory));
  ring::drop_cached_blocks();  // of loading and encoding: the run needs others

  Stopwatch watch;
  std::vector<ckks::Ciphertext> results;
  std::vector<std::vector<runtime::OpTime>> times(options.profile.empty() && options.trace.empty() ? 0 : images);
  {
    Progress progress("infer", images);
    for (std::size_t i = 0; i < images; ++i) {
      auto result = executor.run(runtime::expand(*context, std::span(inputs).subspan(i * each, each)), keys,
                                 times.empty() ? nullptr : &times[i]);
      std::move(result.begin(), result.end(), std::back_inserter(results));
      if (images > 1) progress.advance();
    }
  }
  const double each_ms = watch.lap_ms() / static_cast<double>(images);
  const Bytes bytes = ckks::write_result_file(*context, results);
  write_file(options.output, bytes);
  const double peak = peak_memory_mb();  // the profile measures rates, which takes some
  if (!options.trace.empty()) write_json(options.trace, trace_json(executor, times));
  if (!options.profile.empty()) {
    const auto profiled = profile(executor, times, thread_count());
    write_json(options.profile, profile_json(executor, profiled, images, thread_count()));
    if (options.profile == "-") return;
    fmt::print("{}\n", profile_table(plan->program, profiled));
  }
  if (options.trace == "-") return;
  print_summary(options, images, bytes.size(), each_ms, peak);
}

}  // namespace

void add_infer(CLI::App& app, Globals& globals) {
  auto options = std::make_shared<Options>();
  CLI::App* command = add_command(app, globals, "infer", "Evaluate a model on encrypted images (the server's part)",
                                  "  blindsight infer mnist/plan.bs --eval-keys keys/eval.keys digit.ct -o result.ct\n"
                                  "  blindsight infer net/plan.bs --eval-keys keys/eval.keys x.ct -o y.ct "
                                  "--memory-budget 3G --profile times.json --trace trace.json");
  command->add_option("PLAN", options->plan, "The model's plan.bs, or the folder that compile wrote")->required();
  command->add_option("--eval-keys", options->keys, "The client's eval.keys, or a folder that holds it")->required();
  command->add_option("INPUT", options->input, "What encrypt wrote")->required();
  command->add_option("-o,--output", options->output, "File for the encrypted results")->required();
  command->add_option("--profile", options->profile,
                      "File for what every operation took and should take, as JSON; prints a table too ('-': the file "
                      "to stdout, no table)");
  command->add_option("--trace", options->trace,
                      "File for the course of every image, for chrome://tracing or Perfetto ('-': stdout)");
  add_memory_budget(*command, options->memory_budget);
  on_chosen(command, globals, options, infer);
}

}  // namespace blindsight::cli
