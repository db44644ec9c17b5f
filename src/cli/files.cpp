#include "blindsight/cli/files.h"

#include <fmt/format.h>
#include <openssl/crypto.h>

#include "blindsight/base/error.h"
#include "blindsight/base/file.h"
#include "blindsight/ckks/serialise.h"

namespace blindsight::cli {
namespace fs = std::filesystem;
namespace {

constexpr std::uint64_t kMaxManifest = std::uint64_t{64} << 20;
constexpr std::uint64_t kMaxSecretKey = std::uint64_t{16} << 20;

ckks::SecretKey load_secret(const fs::path& file) {
  Bytes bytes = read_file(file, kMaxSecretKey);
  struct Wipe {
    Bytes& bytes;
    ~Wipe() { OPENSSL_cleanse(bytes.data(), bytes.size()); }
  } wipe{bytes};
  return ckks::read_secret_key_file(bytes, file.string());
}

}  // namespace

void make_directory(const fs::path& directory) {
  std::error_code error;
  fs::create_directories(directory, error);
  if (error || !fs::is_directory(directory)) {
    throw IoError(fmt::format("can't make the directory {}: {}", directory.string(),
                              error ? error.message() : "something else has that name"));
  }
}

fs::path file_of(const fs::path& given, const char* name) { return fs::is_directory(given) ? given / name : given; }

compiler::Manifest load_manifest(const fs::path& file) {
  return compiler::read_manifest(read_file(file, kMaxManifest));
}

vision::Card card_of(const compiler::Manifest& manifest) {
  vision::Card card = vision::parse_card(manifest.card, "the manifest's card");
  if (card.labels.size() != manifest.output_elements) {
    throw FormatError(
        fmt::format("the manifest's card has {} labels for {} outputs", card.labels.size(), manifest.output_elements));
  }
  const auto& p = card.preprocess;
  if (static_cast<std::size_t>(p.channels()) * p.height * p.width != manifest.input_elements) {
    throw FormatError(
        fmt::format("the manifest's card describes {}x{} images of {} channels, its network takes {} values", p.width,
                    p.height, p.channels(), manifest.input_elements));
  }
  return card;
}

ClientFiles load_client(const fs::path& keys, const std::optional<fs::path>& manifest) {
  const fs::path file = manifest.value_or(keys / kManifestFile);
  runtime::Client client(load_manifest(file));
  vision::Card card = card_of(client.manifest());
  ckks::SecretKey secret = load_secret(keys / kSecretKeyFile);
  ckks::require_same_context(*client.context(), *secret.context(), "the secret key");
  return {std::move(client), std::move(secret), std::move(card)};
}

std::size_t images_in(std::size_t ciphertexts, std::size_t each, const std::string& what) {
  if (ciphertexts % each != 0) {
    throw FormatError(fmt::format("{}: {} ciphertexts, but an image of this model has {}", what, ciphertexts, each));
  }
  return ciphertexts / each;
}

}  // namespace blindsight::cli
