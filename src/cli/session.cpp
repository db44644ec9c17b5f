#include "blindsight/cli/session.h"

#include "blindsight/cli/report.h"

namespace blindsight::cli {

Session::Session(const compiler::Compiled& compiled, const std::string& card_json)
    : program_(std::make_shared<const compiler::Program>(compiled.program)),
      client_(compiler::make_manifest(compiled.program, card_json)),
      secret_(client_.context()) {
  Stopwatch watch;
  secret_ = ckks::SecretKey(client_.context());
  keys_ = ckks::make_evaluation_keys(secret_, client_.manifest().keys);
  keygen_ms_ = watch.lap_ms();
  executor_ = std::make_unique<const runtime::Executor>(client_.context(), program_);
  load_ms_ = watch.lap_ms();
}

Passage Session::classify(std::span<const double> tensor, Bytes* seen) const {
  Passage passage;
  Stopwatch watch;
  const ckks::SeededCiphertext input = client_.encrypt(secret_, tensor);
  passage.encrypt_ms = watch.lap_ms();
  if (seen != nullptr) {
    *seen = ckks::write_input_file(*client_.context(), {&input, 1});
    watch.lap_ms();
  }
  const ckks::Ciphertext result = executor_->run(ckks::expand(*client_.context(), input), keys_);
  passage.infer_ms = watch.lap_ms();
  passage.logits = client_.decrypt(secret_, result);
  runtime::softmax(passage.logits);
  passage.decrypt_ms = watch.lap_ms();
  return passage;
}

TravelBytes Session::travel_bytes(std::span<const double> tensor) const {
  const ckks::SeededCiphertext input = client_.encrypt(secret_, tensor);
  const ckks::Context& context = *client_.context();
  const ckks::Ciphertext result = executor_->run(ckks::expand(context, input), keys_);
  return {ckks::write_input_file(context, {&input, 1}).size(), ckks::write_result_file(context, {&result, 1}).size(),
          ckks::write_evaluation_keys_file(keys_).size()};
}

}  // namespace blindsight::cli
