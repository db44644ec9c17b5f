// blindsight encrypt: image files become one file of ciphertexts.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <iterator>

#include "blindsight/base/file.h"
#include "blindsight/ckks/serialise.h"
#include "blindsight/cli/app.h"
#include "blindsight/cli/files.h"
#include "blindsight/cli/report.h"

namespace blindsight::cli {
namespace fs = std::filesystem;
namespace {

struct Options {
  fs::path keys;
  std::optional<fs::path> manifest;
  std::vector<fs::path> images;
  fs::path output;
  bool resize = false;
};

void encrypt(const Options& options) {
  const ClientFiles files = load_client(options.keys, options.manifest);
  Stopwatch watch;
  std::vector<ckks::SeededCiphertext> inputs;
  for (const fs::path& image : options.images) {
    auto some = files.client.encrypt(files.secret, read_tensor(image, files.card, options.resize));
    std::move(some.begin(), some.end(), std::back_inserter(inputs));
  }
  const Bytes bytes = ckks::write_input_file(*files.client.context(), inputs);
  write_file(options.output, bytes);
  fmt::print("wrote {}: {} encrypted image{}, {}, in {}\n", options.output.string(), options.images.size(),
             options.images.size() == 1 ? "" : "s", human_bytes(static_cast<double>(bytes.size())),
             human_ms(watch.lap_ms()));
}

}  // namespace

void add_encrypt(CLI::App& app, Globals& globals) {
  auto options = std::make_shared<Options>();
  CLI::App* command = add_command(app, globals, "encrypt", "Encrypt images",
                                  "  blindsight encrypt --keys keys digit.png -o digit.ct\n"
                                  "  blindsight encrypt --keys keys --resize a.png b.jpg c.pgm -o three.ct");
  command->add_option("--keys", options->keys, "Folder that keygen wrote")->required();
  command->add_option("--manifest", options->manifest, "Manifest (default: the copy in the key folder)");
  command->add_flag("--resize", options->resize, "Stretch images of another size");
  command->add_option("IMAGE", options->images, "PNG, JPEG, PGM, PPM or BMP files")->required();
  command->add_option("-o,--output", options->output, "File for the ciphertexts")->required();
  on_chosen(command, globals, options, encrypt);
}

}  // namespace blindsight::cli
