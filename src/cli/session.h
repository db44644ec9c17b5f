// Client and server in one process, with the clock running: for a first look, for demonstrations and for measuring.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "blindsight/ckks/serialise.h"
#include "blindsight/cli/input.h"
#include "blindsight/cli/zoo.h"
#include "blindsight/runtime/client.h"
#include "blindsight/runtime/executor.h"

namespace blindsight::cli {

/// One image's way.
struct Passage {
  runtime::Answer answer;
  double encrypt_ms = 0;  ///< pack, encode, encrypt
  double infer_ms = 0;    ///< expand the seed, run the program
  double decrypt_ms = 0;  ///< decrypt, decode, softmax
};

/// Sizes of the files that would travel, for one image.
struct TravelBytes {
  std::size_t input = 0;
  std::size_t result = 0;
  std::size_t evaluation_keys = 0;
};

/// Immutable once made; classify() may be called from several threads.
class Session {
 public:
  /// `shape` for a model of chunks: then images come in parts.
  Session(compiler::Program program, const std::string& card_json, std::uint64_t memory_budget,
          const std::optional<PartsShape>& shape = std::nullopt);
  double keygen_ms() const { return keygen_ms_; }
  /// Time to encode the server's weights.
  double load_ms() const { return load_ms_; }
  const runtime::Client& client() const { return client_; }

  /// `seen`, where given, receives the very bytes that a remote server would for this image; `travel` the sizes of the
  /// files. Neither counts in the times.
  /// Throws InvalidArgument where the other form of input is needed.
  Passage classify(std::span<const double> tensor, Bytes* seen = nullptr, TravelBytes* travel = nullptr) const;
  Passage classify(const runtime::Parts& parts, TravelBytes* travel = nullptr) const;
  Passage classify(const Input& input, TravelBytes* travel = nullptr) const;
  /// Of a model of whole images.
  const runtime::Executor& executor() const { return *executor_; }

 private:
  std::shared_ptr<const compiler::Program> program_;
  runtime::Client client_;
  double keygen_ms_ = 0, load_ms_ = 0;
  ckks::SecretKey secret_;
  ckks::EvaluationKeys keys_;
  void finish(Passage& passage, const std::vector<ckks::Ciphertext>& results, TravelBytes* travel) const;

  std::unique_ptr<const runtime::Executor> executor_;  // of whole images
  std::optional<PartsShape> shape_;
  std::unique_ptr<const runtime::PartsExecutor> parts_executor_;  // of images in parts
};

}  // namespace blindsight::cli
