#include "blindsight/cli/session.h"

#include "blindsight/base/error.h"
#include "blindsight/cli/report.h"

namespace blindsight::cli {

Session::Session(compiler::Program program, const std::string& card_json, std::uint64_t memory_budget,
                 const std::optional<PartsShape>& shape)
    : program_(std::make_shared<const compiler::Program>(std::move(program))),
      client_(compiler::make_manifest(*program_, card_json)),
      secret_(client_.context()),
      shape_(shape) {
  Stopwatch watch;
  compiler::MemoryPlan memory = compiler::plan_memory(*program_, *client_.context(), memory_budget);
  watch.lap_ms();
  secret_ = ckks::SecretKey(client_.context());
  keys_ = ckks::make_evaluation_keys(secret_, client_.manifest().keys, memory.key_form);
  keygen_ms_ = watch.lap_ms();
  if (shape) {
    parts_executor_ = std::make_unique<const runtime::PartsExecutor>(client_.context(), *program_, shape->group,
                                                                     shape->parts, shape->levels, memory_budget);
  } else {
    executor_ = std::make_unique<const runtime::Executor>(client_.context(), program_, std::move(memory));
  }
  load_ms_ = watch.lap_ms();
}

Passage Session::classify(std::span<const double> tensor, Bytes* seen, TravelBytes* travel) const {
  if (!executor_) throw InvalidArgument("this model takes an image in chunks, not in one piece");
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
  finish(passage, results, travel);
  return passage;
}

Passage Session::classify(const runtime::Parts& parts, TravelBytes* travel) const {
  if (!parts_executor_) throw InvalidArgument("this model takes an image in one piece, not in chunks");
  Passage passage;
  Stopwatch watch;
  const runtime::PartsUpload upload = runtime::encrypt_parts(client_, secret_, parts, shape_->group, shape_->levels);
  passage.encrypt_ms = watch.lap_ms();
  if (travel != nullptr) {
    travel->input = runtime::write_parts_file(*client_.context(), {&upload, 1}).size();
    watch.lap_ms();
  }
  const auto results = parts_executor_->run(upload, keys_);
  passage.infer_ms = watch.lap_ms();
  finish(passage, results, travel);
  return passage;
}

Passage Session::classify(const Input& input, TravelBytes* travel) const {
  return input.parts ? classify(*input.parts, travel) : classify(input.tensor, nullptr, travel);
}

void Session::finish(Passage& passage, const std::vector<ckks::Ciphertext>& results, TravelBytes* travel) const {
  const ckks::Context& context = *client_.context();
  if (travel != nullptr) {
    travel->result = ckks::write_result_file(context, results).size();
    travel->evaluation_keys = ckks::evaluation_key_bytes(context, client_.manifest().keys);
  }
  Stopwatch watch;
  passage.answer = client_.answer(secret_, results);
  runtime::softmax(passage.answer.logits);
  passage.decrypt_ms = watch.lap_ms();
}

}  // namespace blindsight::cli
