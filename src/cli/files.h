// The client's and server's files, read with every check that needs two of them at once.
#pragma once

#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "blindsight/ckks/keys.h"
#include "blindsight/compiler/plan.h"
#include "blindsight/runtime/client.h"
#include "blindsight/vision/card.h"

namespace blindsight::cli {

inline constexpr const char* kSecretKeyFile = "secret.key";
inline constexpr const char* kEvaluationKeysFile = "eval.keys";
inline constexpr const char* kManifestFile = "manifest.bs";
inline constexpr const char* kPlanFile = "plan.bs";

/// Makes the directory and its parents. Throws IoError.
void make_directory(const std::filesystem::path& directory);

/// The file of that name in a folder, where `given` is one; else `given`.
std::filesystem::path file_of(const std::filesystem::path& given, const char* name);

/// Reads a manifest; messages name the file.
compiler::Manifest load_manifest(const std::filesystem::path& file);

/// What a client works with. All of one model: KeyMismatch otherwise.
struct ClientFiles {
  runtime::Client client;
  ckks::SecretKey secret;
  vision::Card card;
};
/// From a key directory; its copy of the manifest unless another is given.
ClientFiles load_client(const std::filesystem::path& keys, const std::optional<std::filesystem::path>& manifest);

/// The card's labels, one for each output. Throws FormatError.
vision::Card card_of(const compiler::Manifest& manifest);

/// How many images a file's ciphertexts make, so many for each. Throws FormatError where some are left over.
std::size_t images_in(std::size_t ciphertexts, std::size_t each, const std::string& what);

}  // namespace blindsight::cli
