#include "blindsight/runtime/executor.h"

#include <chrono>
#include <cmath>
#include <limits>

#include "blindsight/base/error.h"

namespace blindsight::runtime {

using compiler::Op;
using compiler::OpKind;

namespace {

/// Results are read at the very end.
constexpr std::size_t kEnd = std::numeric_limits<std::size_t>::max();

std::vector<std::size_t> last_uses(const compiler::Program& program) {
  std::vector<std::size_t> last(program.values(), 0);
  for (std::size_t i = 0; i < program.ops.size(); ++i) {
    for (const std::uint32_t v : program.ops[i].inputs) last[v] = i;
    for (const std::uint32_t v : program.ops[i].outputs) last[v] = i;
  }
  for (const std::uint32_t v : program.results) last[v] = kEnd;
  return last;
}

void require_sound(const compiler::Program& program, const ckks::Context& context) {
  compiler::validate(program);
  ckks::require_same_context(context, program.parameters, "the program");
}

compiler::MemoryPlan planned(const compiler::Program& program, const ckks::Context& context, std::size_t budget) {
  require_sound(program, context);
  return compiler::plan_memory(program, context, budget);
}

class Clock {
 public:
  double seconds() const { return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count(); }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

}  // namespace

Executor::Executor(ckks::ContextPtr context, std::shared_ptr<const compiler::Program> program,
                   std::size_t memory_budget)
    : Executor(context, program, planned(*program, *context, memory_budget)) {}

Executor::Executor(ckks::ContextPtr context, std::shared_ptr<const compiler::Program> program,
                   compiler::MemoryPlan memory)
    : program_(std::move(program)), memory_(std::move(memory)) {
  require_sound(*program_, *context);
  for (; context; context = context->smaller()) rings_.push_back(std::make_unique<const Ring>(context));
  if (memory_.kept.size() != program_->ops.size()) {
    throw InvalidArgument("a memory plan for " + std::to_string(memory_.kept.size()) + " operations; the program has " +
                          std::to_string(program_->ops.size()));
  }
  maps_.resize(program_->ops.size());
  vectors_.resize(program_->ops.size());
  for (std::size_t i = 0; i < program_->ops.size(); ++i) {
    const Op& op = program_->ops[i];
    if (op.kind == OpKind::kLinearMap) {
      const compiler::Map& map = program_->maps[op.operand];
      maps_[i].emplace(rings_[op.ring]->encoder, map.plan, map.diagonals, map.weight_scale, op.level, memory_.kept[i]);
    } else if (op.kind == OpKind::kAddVector && memory_.kept[i]) {
      vectors_[i] = encode_vector(op);
    }
  }
  last_use_ = last_uses(*program_);
}

ckks::Plaintext Executor::encode_vector(const Op& op) const {
  const ckks::Diagonal& vector = program_->vectors[op.operand];
  std::vector<double> slots(program_->slots(op.ring));
  for (std::size_t s = 0; s < slots.size(); ++s) slots[s] = vector[s];
  return rings_[op.ring]->encoder.encode(slots, op.scale, op.level);
}

void Executor::check(std::span<const ckks::Ciphertext> inputs, const ckks::EvaluationKeys& keys) const {
  ckks::require_keys(keys, program_->keys);
  if (keys.context) ckks::require_same_context(*rings_[0]->context, *keys.context, "the evaluation keys");
  if (inputs.size() != program_->input_ciphertexts()) {
    throw InvalidArgument(std::to_string(inputs.size()) + " input ciphertexts where the program takes " +
                          std::to_string(program_->input_ciphertexts()));
  }
  for (const ckks::Ciphertext& input : inputs) {
    if (input.parts.size() != 2 || input.parts[0].empty() || input.level() != program_->input_level) {
      throw InvalidArgument("an input ciphertext is not of the program's level " +
                            std::to_string(program_->input_level));
    }
    if (std::abs(input.scale - program_->input_scale) > 1e-9 * program_->input_scale) {
      throw InvalidArgument("an input ciphertext's scale 2^" + std::to_string(std::log2(input.scale)) +
                            " is not the program's 2^" + std::to_string(std::log2(program_->input_scale)));
    }
  }
}

void Executor::perform(std::size_t i, std::vector<ckks::Ciphertext>& values,
                       std::span<const ckks::EvaluationKeys* const> keys_of_ring) const {
  const Op& op = program_->ops[i];
  const ckks::Evaluator& evaluator = rings_[op.ring]->evaluator;
  const ckks::EvaluationKeys& keys = *keys_of_ring[op.ring];
  ckks::Ciphertext& in = values[op.inputs[0]];
  ckks::Ciphertext& out = values[op.outputs[0]];
  // The last reader of a value may take it.
  const auto take = [&] { return last_use_[op.inputs[0]] == i ? std::move(in) : in; };
  switch (op.kind) {
    case OpKind::kLinearMap: {
      std::vector<const ckks::Ciphertext*> inputs;
      for (const std::uint32_t v : op.inputs) inputs.push_back(&values[v]);
      std::vector<ckks::Ciphertext> made = maps_[i]->apply(evaluator, inputs, keys);
      for (std::size_t o = 0; o < made.size(); ++o) values[op.outputs[o]] = std::move(made[o]);
      break;
    }
    case OpKind::kAddVector:
      out = take();
      if (vectors_[i]) {
        evaluator.add_plain_inplace(out, *vectors_[i]);
      } else {
        evaluator.add_plain_inplace(out, encode_vector(op));
      }
      break;
    case OpKind::kSquare:
      out = evaluator.square(in);
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
    case OpKind::kSwitchRing:
      out = evaluator.switch_ring(in, keys);
      break;
  }
  for (const std::uint32_t v : op.outputs) values[v].scale = op.scale;  // equal up to rounding: see validate()
}

std::vector<ckks::Ciphertext> Executor::run(std::vector<ckks::Ciphertext> inputs, const ckks::EvaluationKeys& keys,
                                            std::vector<OpTime>* times) const {
  check(inputs, keys);
  const Clock clock;
  std::vector<const ckks::EvaluationKeys*> keys_of_ring{&keys};
  while (keys_of_ring.size() < rings_.size()) keys_of_ring.push_back(&keys_of_ring.back()->smaller.front());
  std::vector<ckks::Ciphertext> values = std::move(inputs);
  values.resize(last_use_.size());
  if (memory_.release_keys) keys.release_pages();
  for (std::size_t i = 0; i < program_->ops.size(); ++i) {
    const Op& op = program_->ops[i];
    const double start = clock.seconds();
    perform(i, values, keys_of_ring);
    if (memory_.release_keys && program_->ops[i].kind == OpKind::kLinearMap) keys.release_pages();
    for (const auto* ends : {&op.inputs, &op.outputs}) {
      for (const std::uint32_t v : *ends) {
        if (last_use_[v] == i) values[v] = {};
      }
    }
    if (times != nullptr) times->push_back({i, start, clock.seconds() - start});
  }
  std::vector<ckks::Ciphertext> results;
  for (const std::uint32_t v : program_->results) results.push_back(values[v]);
  return results;
}

}  // namespace blindsight::runtime
