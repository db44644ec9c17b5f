// An image in parts, some encrypted and some in the clear: what its owner sends, and how a server evaluates it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "blindsight/compiler/halves.h"
#include "blindsight/runtime/client.h"
#include "blindsight/runtime/executor.h"
#include "blindsight/runtime/simulator.h"

namespace blindsight::runtime {

/// From a pixel's level to the number that the network takes: level · factor + offset.
struct Affine {
  double factor = 1;
  double offset = 0;
};

/// An image in parts of equal size. index[k] is k + 1 where part k is to be encrypted, −(k + 1) where not.
struct Parts {
  std::vector<std::int32_t> index;
  /// The levels of every part; or, of one that is not encrypted, a single level that stands for all of them.
  std::vector<Bytes> levels;
};

/// How many parts an index says are encrypted: its positive entries.
std::size_t encrypted_count(std::span<const std::int32_t> index);

/// What travels of one image.
struct PartsUpload {
  std::vector<std::int32_t> index;
  std::vector<ckks::SeededCiphertext> encrypted;  ///< groups of parts, in the image's order
  std::vector<Bytes> clear;                       ///< the other parts' levels, likewise
};

/// Tensors of the network's input, `group` parts each: those that `wanted` accepts, in order. Places that are left in
/// the last one hold zeros. Throws InvalidArgument where a part has neither `part` levels nor one.
std::vector<std::vector<double>> group_parts(const std::vector<Bytes>& levels, std::size_t group, std::size_t part,
                                             const Affine& affine);

/// Encrypts the parts that are to be. Throws InvalidArgument where the index, or a part's size, doesn't fit.
PartsUpload encrypt_parts(const Client& client, const ckks::SecretKey& secret, const Parts& parts, std::size_t group,
                          const Affine& affine);

/// Whole files, as those of ckks/serialise.h; 1 to 2^16 images. Reading throws FormatError, KeyMismatch.
Bytes write_parts_file(const ckks::Context& context, std::span<const PartsUpload> images);
std::vector<PartsUpload> read_parts_file(std::span<const std::uint8_t> file, const ckks::Context& context,
                                         const std::string& what = "encrypted parts");

/// The server's side of a network whose values before the last squares are a mean over the parts of its input. Every
/// group of encrypted parts goes through the network's body; what the clear parts would add there is computed in the
/// clear, by the same program on plain slots, and added as a plaintext; the head goes on from the sum. Immutable; run()
/// may be called from several threads.
class PartsExecutor {
 public:
  /// `group` parts make one input, `parts` an image. Throws InvalidArgument where the program can't be halved so, or
  /// its input isn't `group` parts.
  PartsExecutor(ckks::ContextPtr context, const compiler::Program& program, std::size_t group, std::size_t parts,
                const Affine& affine, std::size_t memory_budget = 0);
  /// One image's result. Where nothing is encrypted, neither is the result: it is a ciphertext in form only.
  /// Throws InvalidArgument where the index or the parts don't fit; what Executor::run() throws.
  std::vector<ckks::Ciphertext> run(const PartsUpload& image, const ckks::EvaluationKeys& keys) const;
  std::size_t parts() const { return parts_; }

 private:
  std::vector<double> clear_sum(const PartsUpload& image) const;
  std::vector<double> body_in_clear(const std::vector<double>& tensor) const;

  ckks::ContextPtr context_;
  std::size_t group_, parts_;
  Affine affine_;
  std::shared_ptr<const compiler::Program> body_, head_;
  std::unique_ptr<const Executor> run_body_, run_head_;
  std::unique_ptr<const Simulator> simulate_body_;
  ckks::Encoder encoder_;
  std::vector<double> blank_;  ///< what one empty place of a group adds, slot by slot
};

}  // namespace blindsight::runtime
