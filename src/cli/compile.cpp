// blindsight compile: an ONNX file becomes the server's plan and the public manifest.
#include <fmt/format.h>

#include <filesystem>
#include <sstream>

#include "blindsight/base/file.h"
#include "blindsight/cli/app.h"
#include "blindsight/cli/files.h"
#include "blindsight/cli/report.h"
#include "blindsight/cli/zoo.h"

namespace blindsight::cli {
namespace fs = std::filesystem;
namespace {

struct Options {
  std::string model;
  std::optional<fs::path> card;
  fs::path output;
  CompileOptions compile;
  bool json = false;
};

Json to_json(const std::string& name, const compiler::Report& report, std::size_t plan_bytes,
             std::size_t manifest_bytes) {
  Json layers = Json::array();
  for (const auto& layer : report.layers) {
    layers.push_back({{"name", layer.name},
                      {"rows", layer.rows},
                      {"columns", layer.columns},
                      {"ciphertexts", layer.ciphertexts},
                      {"products", layer.products},
                      {"paired", layer.paired},
                      {"babies", layer.babies},
                      {"giants", layer.giants},
                      {"folds", layer.folds},
                      {"level", layer.level}});
  }
  return {{"model", name},
          {"layers", layers},
          {"depth", report.depth},
          {"parameters",
           {{"log_n", report.log_n},
            {"period", report.period},
            {"log_q", report.log_q},
            {"log_p", report.log_p},
            {"security_bits", 128},
            {"log_qp_limit", report.log_qp_limit},
            {"q_bits", report.q_bits},
            {"p_bits", report.p_bits}}},
          {"key_switches", report.key_switches},
          {"rotation_keys", report.rotation_keys},
          {"bytes",
           {{"input", report.input_bytes},
            {"result", report.result_bytes},
            {"eval_keys", report.evaluation_key_bytes},
            {"server_memory", report.memory_bytes},
            {"encoded_weights", report.encoded_weights},
            {"kept_weights", report.kept_weights},
            {"plan", plan_bytes},
            {"manifest", manifest_bytes}}},
          {"predicted_logit_error", report.predicted_logit_error},
          {"predicted_latency_ms", report.predicted_latency_ms},
          {"threads", report.threads},
          {"predicted_threads_ms", report.predicted_threads_ms},
          {"floor_ms", report.floor_ms}};
}

void compile(const Options& options) {
  const Model model = load_model(options.model, options.card);
  const compiler::Compiled compiled = compile_model(model, options.compile);
  const Bytes plan = compiler::write_plan(compiled.program, model.card_json);
  const Bytes manifest = compiler::write_manifest(compiler::make_manifest(compiled.program, model.card_json));
  make_directory(options.output);
  write_file(options.output / kPlanFile, plan);
  write_file(options.output / kManifestFile, manifest);
  if (options.json) {
    write_json("-", to_json(model.name, compiled.report, plan.size(), manifest.size()));
    return;
  }
  std::ostringstream report;
  report << compiled.report;
  fmt::print("{}\n{}", model.name, report.str());
  if (!report.str().ends_with('\n')) fmt::print("\n");
  fmt::print("wrote {} ({}; the server's) and {} ({}; public)\n", (options.output / kPlanFile).string(),
             human_bytes(static_cast<double>(plan.size())), (options.output / kManifestFile).string(),
             human_bytes(static_cast<double>(manifest.size())));
}

}  // namespace

void add_compile(CLI::App& app, Globals& globals) {
  auto options = std::make_shared<Options>();
  CLI::App* command =
      add_command(app, globals, "compile", "Turn an ONNX network into a plan and a manifest",
                  "  blindsight compile tenseal-mnist -o mnist\n"
                  "  blindsight compile net.onnx --card net-card.json -o net --precision 0.001 --memory-budget 3G\n"
                  "  blindsight compile net.onnx -o net --calibration cifar-10");
  command->add_option("MODEL", options->model, "ONNX file, or a name that `blindsight models` lists")->required();
  command->add_option("--card", options->card, "Card (default: the .json beside the model)");
  command->add_option("-o,--output", options->output, "Folder for plan.bs and manifest.bs")->required();
  add_compile_options(*command, options->compile);
  command->add_flag("--json", options->json, "Print the report as JSON");
  on_chosen(command, globals, options, compile);
}

}  // namespace blindsight::cli
