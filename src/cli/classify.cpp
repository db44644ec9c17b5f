// blindsight classify: client and server in one process, for a first look.
#include <fmt/format.h>

#include <filesystem>

#include "blindsight/cli/app.h"
#include "blindsight/cli/files.h"
#include "blindsight/cli/report.h"
#include "blindsight/cli/session.h"

namespace blindsight::cli {
namespace fs = std::filesystem;
namespace {

struct Options {
  std::string model;
  std::optional<fs::path> card;
  std::vector<fs::path> images;
  CompileOptions compile;
  ChunkOptions chunks;
  std::size_t top = 3;
  bool resize = false;
  bool json = false;
};

void classify(const Options& options) {
  const Model model = load_model(options.model, options.card, options.chunks);
  std::vector<Input> inputs;
  for (const fs::path& image : options.images) {
    inputs.push_back(read_input(image, model.card, options.chunks, options.resize));
  }
  const auto shape = model.card.chunks ? std::optional(parts_shape(model.card, options.chunks)) : std::nullopt;
  const Session session(compile_model(model, options.compile).program, model.card_json, options.compile.memory_budget,
                        shape);
  Json images = Json::array();
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const Passage passage = session.classify(inputs[i]);
    const std::string file = options.images[i].string();
    if (options.json) {
      Json image = {{"file", file}};
      image.update(to_json(passage.answer, model.card.labels));
      image["ms"] = {{"encrypt", passage.encrypt_ms}, {"infer", passage.infer_ms}, {"decrypt", passage.decrypt_ms}};
      if (inputs[i].parts) image["index"] = inputs[i].parts->index;
      images.push_back(image);
    } else {
      fmt::print("{}: {}; encrypted in {}, evaluated in {}, decrypted in {}\n", file,
                 describe(passage.answer, model.card.labels, options.top), human_ms(passage.encrypt_ms),
                 human_ms(passage.infer_ms), human_ms(passage.decrypt_ms));
    }
  }
  if (options.json) write_json("-", {{"model", model.name}, {"images", images}});
}

}  // namespace

void add_classify(CLI::App& app, Globals& globals) {
  auto options = std::make_shared<Options>();
  CLI::App* command = add_command(app, globals, "classify", "Encrypt, evaluate and decrypt images in one process",
                                  "  blindsight classify tenseal-mnist digit.png\n"
                                  "  blindsight classify net.onnx --card card.json --resize *.jpg --json\n"
                                  "  blindsight classify neu-chunks --chunks feature --resize steel.png");
  command->add_option("MODEL", options->model, "A name that `blindsight models` lists, or an ONNX file")->required();
  command->add_option("IMAGE", options->images, "PNG, JPEG, PGM, PPM or BMP files")->required();
  command->add_option("--card", options->card, "Card (default: the .json beside the model)");
  command->add_flag("--resize", options->resize, "Stretch images of another size");
  command->add_option("--top", options->top, "Labels to print for each image")->capture_default_str();
  add_chunk_options(*command, options->chunks);
  add_compile_options(*command, options->compile);
  command->add_flag("--json", options->json, "Print JSON");
  on_chosen(command, globals, options, classify);
}

}  // namespace blindsight::cli
