// blindsight encrypt: image files become one file of ciphertexts.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <iterator>

#include "blindsight/base/file.h"
#include "blindsight/ckks/serialise.h"
#include "blindsight/cli/app.h"
#include "blindsight/cli/files.h"
#include "blindsight/cli/input.h"
#include "blindsight/cli/report.h"

namespace blindsight::cli {
namespace fs = std::filesystem;
namespace {

struct Options {
  fs::path keys;
  std::optional<fs::path> manifest;
  std::vector<fs::path> images;
  fs::path output;
  ChunkOptions chunks;
  bool resize = false;
};

/// The file of images in chunks. Says so where an image hides nothing.
Bytes encrypted_parts(const ClientFiles& files, const Options& options) {
  const PartsShape shape = parts_shape(files.card, options.chunks);
  std::vector<runtime::PartsUpload> images;
  for (const fs::path& image : options.images) {
    const Input input = read_input(image, files.card, options.chunks, options.resize);
    images.push_back(runtime::encrypt_parts(files.client, files.secret, *input.parts, shape.group, shape.levels));
    if (images.back().encrypted.empty()) {
      fmt::print(stderr, "blindsight: warning: {} has no chunk with features: nothing of it is encrypted\n",
                 image.string());
    }
  }
  return runtime::write_parts_file(*files.client.context(), images);
}

Bytes encrypted_images(const ClientFiles& files, const Options& options) {
  std::vector<ckks::SeededCiphertext> inputs;
  for (const fs::path& image : options.images) {
    const Input input = read_input(image, files.card, options.chunks, options.resize);
    auto some = files.client.encrypt(files.secret, input.tensor);
    std::move(some.begin(), some.end(), std::back_inserter(inputs));
  }
  return ckks::write_input_file(*files.client.context(), inputs);
}

void encrypt(const Options& options) {
  const ClientFiles files = load_client(options.keys, options.manifest);
  check_chunk_mode(files.card, options.chunks);
  Stopwatch watch;
  const Bytes bytes = files.card.chunks ? encrypted_parts(files, options) : encrypted_images(files, options);
  write_file(options.output, bytes);
  fmt::print("wrote {}: {} encrypted image{}, {}, in {}\n", options.output.string(), options.images.size(),
             options.images.size() == 1 ? "" : "s", human_bytes(static_cast<double>(bytes.size())),
             human_ms(watch.lap_ms()));
}

}  // namespace

void add_encrypt(CLI::App& app, Globals& globals) {
  auto options = std::make_shared<Options>();
  CLI::App* command =
      add_command(app, globals, "encrypt", "Encrypt images",
                  "  blindsight encrypt --keys keys digit.png -o digit.ct\n"
                  "  blindsight encrypt --keys keys --resize a.png b.jpg c.pgm -o three.ct\n"
                  "  blindsight encrypt --keys keys --chunks feature --plain-chunks drop steel.png -o x.ct");
  command->add_option("--keys", options->keys, "Folder that keygen wrote")->required();
  command->add_option("--manifest", options->manifest, "Manifest (default: the copy in the key folder)");
  command->add_flag("--resize", options->resize, "Stretch images of another size");
  add_chunk_options(*command, options->chunks);
  command->add_option("IMAGE", options->images, "PNG, JPEG, PGM, PPM or BMP files")->required();
  command->add_option("-o,--output", options->output, "File for the ciphertexts")->required();
  on_chosen(command, globals, options, encrypt);
}

}  // namespace blindsight::cli
