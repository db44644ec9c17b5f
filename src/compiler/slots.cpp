#include "blindsight/compiler/slots.h"

#include <algorithm>
#include <array>

namespace blindsight::compiler {

namespace {

/// Weights are taken out of their tables in pieces of so many, which serve every repetition.
constexpr std::size_t kPiece = 2048;

/// y[s] += d[s] · x[(s + k) mod n] for s from `begin`; d starts there.
void add_piece(std::span<double> y, std::size_t begin, std::span<const double> d, std::span<const double> x,
               std::size_t k) {
  const std::size_t n = y.size();
  double* const out = y.data() + begin;
  const std::size_t from = (begin + k) & (n - 1);
  const std::size_t straight = std::min(d.size(), n - from);
  const double* in = x.data() + from;
  for (std::size_t i = 0; i < straight; ++i) out[i] += d[i] * in[i];
  in = x.data();
  for (std::size_t i = straight; i < d.size(); ++i) out[i] += d[i] * in[i - straight];
}

}  // namespace

std::size_t cyclic(long k, std::size_t slots) {
  const auto n = static_cast<long>(slots);
  return static_cast<std::size_t>(((k % n) + n) % n);
}

void add_rotated_product(std::span<double> y, const ckks::Diagonal& d, std::span<const double> x, std::size_t k,
                         bool squared) {
  const std::size_t n = y.size();
  const std::size_t piece = std::min(kPiece, n);
  const std::size_t period = std::max(d.period(), piece);  // short ones are repeated
  std::array<double, kPiece> weights;
  for (std::size_t at = 0; at < period; at += piece) {
    for (std::size_t i = 0; i < piece; ++i) weights[i] = d[at + i];
    if (squared) {
      for (std::size_t i = 0; i < piece; ++i) weights[i] *= weights[i];
    }
    for (std::size_t begin = at; begin < n; begin += period) add_piece(y, begin, std::span(weights).first(piece), x, k);
  }
}

void add_rotated(std::span<double> y, std::span<const double> x, std::size_t k) {
  const std::size_t n = y.size();
  for (std::size_t s = 0; s < n - k; ++s) y[s] += x[s + k];
  for (std::size_t s = n - k; s < n; ++s) y[s] += x[s - (n - k)];
}

std::vector<Slots> apply_terms(const ckks::LinearMapPlan& plan, std::span<const ckks::Diagonal> diagonals,
                               std::span<const Slots* const> inputs) {
  const std::size_t n = inputs[0]->size();
  std::vector<Slots> outputs(plan.outputs, Slots(n, 0.0));
  for (const auto& term : plan.terms) {
    add_rotated_product(outputs[term.output], diagonals[term.diagonal], *inputs[term.input],
                        cyclic(long{term.baby} + term.giant, n));
    if (plan.paired == 0) continue;
    add_rotated_product(outputs[term.output], diagonals[term.partner], *inputs[term.input],
                        cyclic(long{term.baby} + term.giant + plan.paired, n));
  }
  return outputs;
}

std::vector<Slots> slot_values(const Lowered& lowered, std::span<const double> input) {
  const std::size_t period = std::size_t{1} << lowered.log_period;
  // By value and ciphertext.
  std::vector<std::vector<Slots>> values, squares;
  const auto add = [&](std::vector<Slots> value) {
    std::vector<Slots> square = value;
    for (Slots& slots : square) {
      for (double& x : slots) x *= x;
    }
    values.push_back(std::move(value));
    squares.push_back(std::move(square));
  };
  std::vector<Slots> first;
  for (std::size_t begin = 0; begin < lowered.input.element.size(); begin += period) {
    Slots slots(period, 0.0);
    for (std::size_t s = 0; s < period; ++s) {
      const std::int32_t e = lowered.input.element[begin + s];
      if (e >= 0) slots[s] = input[static_cast<std::size_t>(e)];
    }
    first.push_back(std::move(slots));
  }
  add(std::move(first));
  for (const LoweredStage& stage : lowered.stages) {
    std::vector<Slots> read;
    for (const LoweredSource& source : stage.sources) {
      const Slots& whole = (source.squared ? squares : values)[source.value][source.ciphertext];
      read.emplace_back(whole.begin(), whole.begin() + (std::ptrdiff_t{1} << stage.log_period));
    }
    std::vector<const Slots*> sources;
    for (const Slots& slots : read) sources.push_back(&slots);
    std::vector<Slots> out = apply_terms(stage.plan, stage.diagonals, sources);
    for (std::size_t c = 0; c < out.size(); ++c) {
      for (const int fold : stage.plan.folds) {
        const Slots before = out[c];
        add_rotated(out[c], before, cyclic(fold, before.size()));
      }
      for (std::size_t s = 0; s < out[c].size(); ++s) out[c][s] += stage.bias[c][s];
    }
    add(std::move(out));
  }
  std::vector<Slots> all;
  for (const auto& value : values) {
    Slots& joined = all.emplace_back();
    for (const Slots& slots : value) joined.insert(joined.end(), slots.begin(), slots.end());
  }
  return all;
}

}  // namespace blindsight::compiler
