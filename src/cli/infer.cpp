// blindsight infer: the server's part. Knows the plan and the evaluation keys; no secret key, no image.
#include <fmt/format.h>

#include <filesystem>

#include "blindsight/base/error.h"
#include "blindsight/base/file.h"
#include "blindsight/ckks/serialise.h"
#include "blindsight/cli/app.h"
#include "blindsight/cli/files.h"
#include "blindsight/cli/progress.h"
#include "blindsight/cli/report.h"
#include "blindsight/runtime/executor.h"

namespace blindsight::cli {
namespace fs = std::filesystem;
namespace {

struct Options {
  fs::path plan;
  fs::path keys;
  fs::path input;
  fs::path output;
};

void infer(const Options& options) {
  auto plan = std::make_shared<const compiler::Plan>(compiler::read_plan(read_file(options.plan)));
  const auto context = ckks::Context::create(plan->program.parameters);
  const ckks::EvaluationKeys keys = ckks::read_evaluation_keys_file(read_file(options.keys), options.keys.string());
  ckks::require_same_context(*context, *keys.context, "the evaluation keys");
  ckks::require_keys(keys, plan->program.keys);
  const auto inputs = ckks::read_input_file(read_file(options.input), *context, options.input.string());
  const runtime::Executor executor(context, {plan, &plan->program});

  Stopwatch watch;
  std::vector<ckks::Ciphertext> results;
  {
    Progress progress("infer", inputs.size());
    for (const auto& input : inputs) {
      results.push_back(executor.run(ckks::expand(*context, input), keys));
      if (inputs.size() > 1) progress.advance();
    }
  }
  const double each_ms = watch.lap_ms() / static_cast<double>(std::max<std::size_t>(inputs.size(), 1));
  const Bytes bytes = ckks::write_result_file(*context, results);
  write_file(options.output, bytes);
  fmt::print("wrote {}: {} result{}, {}, {} each\n", options.output.string(), results.size(),
             results.size() == 1 ? "" : "s", human_bytes(static_cast<double>(bytes.size())), human_ms(each_ms));
}

}  // namespace

void add_infer(CLI::App& app, Globals& globals) {
  auto options = std::make_shared<Options>();
  CLI::App* command = add_command(app, globals, "infer", "Evaluate a model on encrypted images (the server's part)",
                                  "  blindsight infer mnist/plan.bs --eval-keys keys/eval.keys digit.ct -o result.ct");
  command->add_option("PLAN", options->plan, "The model's plan.bs")->required();
  command->add_option("--eval-keys", options->keys, "The client's eval.keys")->required();
  command->add_option("INPUT", options->input, "What encrypt wrote")->required();
  command->add_option("-o,--output", options->output, "File for the encrypted results")->required();
  on_chosen(command, globals, options, infer);
}

}  // namespace blindsight::cli
