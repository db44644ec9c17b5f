#include "blindsight/runtime/executor.h"

#include <cmath>
#include <optional>

#include "blindsight/base/error.h"

namespace blindsight::runtime {

using compiler::Op;
using compiler::OpKind;

Executor::Executor(ckks::ContextPtr context, std::shared_ptr<const compiler::Program> program)
    : context_(std::move(context)), program_(std::move(program)) {
  compiler::validate(*program_);
  const auto own = ckks::Context::create(program_->parameters);
  ckks::require_same_context(*context_, *own, "the program");
  const ckks::Encoder encoder(context_);
  transforms_.resize(program_->ops.size());
  vectors_.resize(program_->ops.size());
  for (std::size_t i = 0; i < program_->ops.size(); ++i) {
    const Op& op = program_->ops[i];
    if (op.kind == OpKind::kLinearTransform) {
      const compiler::Transform& transform = program_->transforms[op.operand];
      transforms_[i] = ckks::encode_transform(encoder, transform.plan, transform.diagonals, transform.scale, op.level);
    } else if (op.kind == OpKind::kAddVector) {
      vectors_[i] = encoder.encode(program_->vectors[op.operand], op.scale, op.level);
    }
  }
  last_use_.assign(program_->ops.size() + 1, 0);
  for (std::size_t i = 0; i < program_->ops.size(); ++i) last_use_[program_->ops[i].input] = i;
}

ckks::Ciphertext Executor::run(const ckks::Ciphertext& input, const ckks::EvaluationKeys& keys) const {
  ckks::require_keys(keys, program_->keys);
  if (keys.context) ckks::require_same_context(*context_, *keys.context, "the evaluation keys");
  if (input.parts.size() != 2 || input.parts[0].empty() || input.level() != program_->input_level) {
    throw InvalidArgument("the input ciphertext is not of the program's level " +
                          std::to_string(program_->input_level));
  }
  if (std::abs(input.scale - program_->input_scale) > 1e-9 * program_->input_scale) {
    throw InvalidArgument("the input ciphertext's scale 2^" + std::to_string(std::log2(input.scale)) +
                          " is not the program's 2^" + std::to_string(std::log2(program_->input_scale)));
  }
  const ckks::Evaluator evaluator(context_);
  std::vector<ckks::Ciphertext> values(program_->ops.size() + 1);
  values[0] = input;
  for (std::size_t i = 0; i < program_->ops.size(); ++i) {
    const Op& op = program_->ops[i];
    // The last reader of a value may take it.
    const auto take = [&] { return last_use_[op.input] == i ? std::move(values[op.input]) : values[op.input]; };
    ckks::Ciphertext& out = values[op.output];
    switch (op.kind) {
      case OpKind::kLinearTransform:
        out = ckks::apply(evaluator, transforms_[i], values[op.input], keys);
        break;
      case OpKind::kAddVector:
        out = take();
        evaluator.add_plain_inplace(out, vectors_[i]);
        break;
      case OpKind::kSquare:
        out = evaluator.square(values[op.input]);
        evaluator.relinearise_inplace(out, keys);
        break;
      case OpKind::kRescale:
        out = take();
        evaluator.rescale_inplace(out);
        break;
      case OpKind::kDropLevel:
        out = take();
        evaluator.drop_to_level_inplace(out, op.level);
        break;
    }
    out.scale = op.scale;  // equal up to rounding: validate() has seen to it
    if (last_use_[op.input] == i) values[op.input] = {};
  }
  return std::move(values.back());
}

}  // namespace blindsight::runtime
