#include "blindsight/cli/session.h"

#include "blindsight/cli/report.h"

namespace blindsight::cli {

Session::Session(compiler::Program program, const std::string& card_json, std::uint64_t memory_budget)
    : program_(std::make_shared<const compiler::Program>(std::move(program))),
      client_(compiler::make_manifest(*program_, card_json)),
      secret_(client_.context()) {
  Stopwatch watch;
  compiler::MemoryPlan memory = compiler::plan_memory(*program_, *client_.context(), memory_budget);
  watch.lap_ms();
  secret_ = ckks::SecretKey(client_.context());
  keys_ = ckks::make_evaluation_keys(secret_, client_.manifest().keys, memory.key_form);
  keygen_ms_ = watch.lap_ms();
  executor_ = std::make_unique<const runtime::Executor>(client_.context(), program_, std::move(memory));
  load_ms_ = watch.lap_ms();
}

Passage Session::classify(std::span<const double> tensor, Bytes* seen, TravelBytes* travel) const {
  const ckks::Context& context = *client_.context();
  Passage passage;
  Stopwatch watch;
  const auto inputs = client_.encrypt(secret_, tensor);
  passage.encrypt_ms = watch.lap_ms();
  if (seen != nullptr || travel != nullptr) {
    Bytes file = ckks::write_input_file(context, inputs);
    if (travel != nullptr) travel->input = file.size();
    if (seen != nullptr) *seen = std::move(file);
    watch.lap_ms();
  }
  const auto results = executor_->run(runtime::expand(context, inputs), keys_);
  passage.infer_ms = watch.lap_ms();
  if (travel != nullptr) {
    travel->result = ckks::write_result_file(context, results).size();
    travel->evaluation_keys = ckks::evaluation_key_bytes(context, client_.manifest().keys);
    watch.lap_ms();
  }
  passage.logits = client_.decrypt(secret_, results);
  runtime::softmax(passage.logits);
  passage.decrypt_ms = watch.lap_ms();
  return passage;
}

}  // namespace blindsight::cli
