// The binary form of everything that travels: see docs/file-formats.md.
#pragma once

#include <array>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "blindsight/ckks/keys.h"

namespace blindsight::ckks {

/// What a file holds; the kind is part of its header.
enum class Kind : std::uint8_t {
  kManifest = 1,
  kPlan = 2,
  kSecretKey = 3,
  kEvaluationKeys = 4,
  kInput = 5,   ///< fresh ciphertexts of a client
  kResult = 6,  ///< evaluated ciphertexts of a server
  kPublicKey = 7,
  kPartsInput = 8,  ///< an image in parts, some encrypted, some in the clear: see runtime/parts.h
};
const char* name(Kind kind);
/// What a file says it is, before anything else of it is looked at; nothing where it says nothing that is known.
std::optional<Kind> kind_of(std::span<const std::uint8_t> file);

/// Header: magic "BLSIGHT", version, kind, fingerprint of the parameters, payload length; then the payload; then, for
/// integrity, not authenticity, the SHA-256 of all before it, truncated to 16 bytes.
Bytes seal_file(Kind kind, const Fingerprint& fingerprint, std::span<const std::uint8_t> payload);
/// The payload after every check. Throws FormatError (not ours, other kind, other version, truncated, altered).
struct OpenedFile {
  Fingerprint fingerprint;
  std::span<const std::uint8_t> payload;
};
OpenedFile open_file(std::span<const std::uint8_t> file, Kind kind, const std::string& what);
/// open_file, and KeyMismatch where the fingerprint is not the context's.
std::span<const std::uint8_t> open_file(std::span<const std::uint8_t> file, Kind kind, const Context& context,
                                        const std::string& what);

// Payload pieces. Limbs are packed with as many bits a word as their prime has; words not below the prime are refused.
void write(ByteWriter& out, const ring::EvalPoly& poly);
ring::EvalPoly read_poly(ByteReader& in, const ring::BasisPtr& basis);
void write(ByteWriter& out, const SeededCiphertext& ciphertext);
SeededCiphertext read_seeded(ByteReader& in, const Context& context);
/// Two parts; written at the level that the ciphertext has.
void write(ByteWriter& out, const Ciphertext& ciphertext);
Ciphertext read_ciphertext(ByteReader& in, const Context& context);
void write(ByteWriter& out, const SecretKey& secret);
SecretKey read_secret_key(ByteReader& in, ContextPtr context);
void write(ByteWriter& out, const PublicKey& key);
PublicKey read_public_key(ByteReader& in, const Context& context);
/// The seeded halves are left out.
void write(ByteWriter& out, const EvaluationKeys& keys);
EvaluationKeys read_evaluation_keys(ByteReader& in, ContextPtr context, KeyForm form = KeyForm::kExpanded);
void write(ByteWriter& out, const KeyRequest& request);
KeyRequest read_key_request(ByteReader& in, const Context& context);

/// Size of the evaluation key file, without making the keys.
std::size_t evaluation_key_bytes(const Context& context, const KeyRequest& request);

// Whole files. Keys carry the parameters, so that they can be read alone; ciphertexts only name them. `what` names the
// file in messages. Reading throws FormatError, SecurityError where the parameters are not safe, and KeyMismatch where
// the file belongs to another context. Writing throws InvalidArgument where there are no ciphertexts or over 2^20.
/// Holds the secret: write it with write_file(…, secret = true) and wipe it.
Bytes write_secret_key_file(const SecretKey& secret);
SecretKey read_secret_key_file(std::span<const std::uint8_t> file, const std::string& what = "secret key");
Bytes write_evaluation_keys_file(const EvaluationKeys& keys);
EvaluationKeys read_evaluation_keys_file(std::span<const std::uint8_t> file,
                                         const std::string& what = "evaluation keys",
                                         KeyForm form = KeyForm::kExpanded);
/// From a file that is never in memory beside the keys: packed keys are used where the file is mapped (it must not be
/// changed in place while they live), expanded ones made from one part of it after the other, all after its checksum
/// was verified. Throws IoError too.
EvaluationKeys load_evaluation_keys(const std::filesystem::path& path, KeyForm form);
/// Makes the keys one by one straight into a file, the same as write_evaluation_keys_file(make_evaluation_keys(…));
/// returns its size.
std::size_t save_new_evaluation_keys(const std::filesystem::path& path, const SecretKey& secret,
                                     const KeyRequest& request);
Bytes write_input_file(const Context& context, std::span<const SeededCiphertext> inputs);
std::vector<SeededCiphertext> read_input_file(std::span<const std::uint8_t> file, const Context& context,
                                              const std::string& what = "encrypted input");
/// Of the ring that is `ring` steps smaller than the context's; the header names the context all the same.
Bytes write_result_file(const Context& context, std::span<const Ciphertext> results);
std::vector<Ciphertext> read_result_file(std::span<const std::uint8_t> file, const Context& context,
                                         const std::string& what = "encrypted result", unsigned ring = 0);

}  // namespace blindsight::ckks
