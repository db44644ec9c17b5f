// blindsight keygen: a fresh secret key, the evaluation keys that the manifest asks for, and a copy of the manifest.
#include <fmt/format.h>
#include <openssl/crypto.h>

#include <filesystem>

#include "blindsight/base/error.h"
#include "blindsight/base/file.h"
#include "blindsight/ckks/serialise.h"
#include "blindsight/cli/app.h"
#include "blindsight/cli/files.h"
#include "blindsight/cli/report.h"

namespace blindsight::cli {
namespace fs = std::filesystem;
namespace {

struct Options {
  fs::path manifest;
  fs::path output;
  bool force = false;
};

void write_secret(const fs::path& file, const ckks::SecretKey& secret) {
  Bytes bytes = ckks::write_secret_key_file(secret);
  struct Wipe {
    Bytes& bytes;
    ~Wipe() { OPENSSL_cleanse(bytes.data(), bytes.size()); }
  } wipe{bytes};
  write_file(file, bytes, true);
}

void keygen(const Options& options) {
  const compiler::Manifest manifest = load_manifest(file_of(options.manifest, kManifestFile));
  const fs::path secret_file = options.output / kSecretKeyFile;
  if (!options.force && fs::exists(secret_file)) {
    throw InvalidArgument(secret_file.string() +
                          " exists, and what it encrypted can't be read without it: choose another folder, or --force");
  }
  Stopwatch watch;
  const auto context = ckks::Context::create(manifest.parameters);
  const ckks::SecretKey secret(context);
  const Bytes copy = compiler::write_manifest(manifest);
  make_directory(options.output);
  const std::size_t key_bytes =
      ckks::save_new_evaluation_keys(options.output / kEvaluationKeysFile, secret, manifest.keys);
  write_secret(secret_file, secret);
  write_file(options.output / kManifestFile, copy);
  fmt::print("wrote {} (keep it) and {} ({}; for the server) in {}\n", secret_file.string(),
             (options.output / kEvaluationKeysFile).string(), human_bytes(static_cast<double>(key_bytes)),
             human_ms(watch.lap_ms()));
}

}  // namespace

void add_keygen(CLI::App& app, Globals& globals) {
  auto options = std::make_shared<Options>();
  CLI::App* command = add_command(app, globals, "keygen", "Make a secret key and the evaluation keys for a model",
                                  "  blindsight keygen mnist -o keys");
  command->add_option("MANIFEST", options->manifest, "The model's manifest.bs, or the folder that compile wrote")
      ->required();
  command->add_option("-o,--output", options->output, "Folder for secret.key, eval.keys and a copy of the manifest")
      ->required();
  command->add_flag("--force", options->force, "Replace a secret key that is there");
  on_chosen(command, globals, options, keygen);
}

}  // namespace blindsight::cli
