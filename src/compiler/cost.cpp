#include "blindsight/compiler/cost.h"

#include <algorithm>
#include <cmath>
#include <set>

namespace blindsight::compiler {

namespace {
// Word-wise passes over one limb, measured in transforms of that limb.
constexpr double kMultiplyAdd = 0.09;
constexpr double kPass = 0.05;
// Nanoseconds a butterfly, one thread.
constexpr double kButterflyNs = 0.42;
}  // namespace

LevelCost::LevelCost(unsigned level) {
  const double limbs = level + 1.0;
  decompose = limbs + limbs * limbs;
  switch_one = 2 * limbs * (limbs + 1) * kMultiplyAdd + 2 * (1 + limbs) + 4 * limbs * kPass;
  product = 2 * limbs * kMultiplyAdd;
  rescale = 2 * limbs + 2 * limbs * kPass;
  square = 3 * limbs * kMultiplyAdd;
}

KeySwitchCount count_key_switches(const ckks::LinearTransformPlan& plan) {
  std::set<int> babies, giants;
  for (const auto& term : plan.terms) {
    if (term.baby != 0) babies.insert(term.baby);
    if (term.giant != 0) giants.insert(term.giant);
  }
  return {babies.size(), giants.size(), plan.folds.size()};
}

double LevelCost::transform(const ckks::LinearTransformPlan& plan) const {
  const KeySwitchCount count = count_key_switches(plan);
  return (count.babies > 0 ? decompose : 0) + static_cast<double>(count.babies) * switch_one +
         static_cast<double>(count.giants + count.folds) * key_switch() +
         static_cast<double>(plan.terms.size()) * product;
}

double LevelCost::transform_at_least(std::size_t diagonals, std::size_t folds) const {
  const double k = static_cast<double>(diagonals);
  double best = (k > 1 ? decompose : 0) + (k - 1) * switch_one;
  for (double giants = 2; giants <= std::min(k, 512.0); ++giants) {
    const double babies = std::ceil(k / giants);
    best = std::min(best, (babies > 1 ? decompose : 0) + (babies - 1) * switch_one + (giants - 1) * key_switch());
  }
  return best + k * product + static_cast<double>(folds) * key_switch();
}

std::size_t count_key_switches(const Program& program) {
  std::size_t count = 0;
  for (const Op& op : program.ops) {
    if (op.kind == OpKind::kLinearTransform) count += count_key_switches(program.transforms[op.operand].plan).total();
    if (op.kind == OpKind::kSquare) ++count;
  }
  return count;
}

double cost(const Program& program) {
  double sum = 0;
  for (const Op& op : program.ops) {
    const LevelCost at(op.level);
    switch (op.kind) {
      case OpKind::kLinearTransform:
        sum += at.transform(program.transforms[op.operand].plan);
        break;
      case OpKind::kSquare:
        sum += at.square + at.key_switch();
        break;
      case OpKind::kRescale:
        sum += LevelCost(op.level + 1).rescale;
        break;
      case OpKind::kAddVector:
        sum += (op.level + 1) * kPass;
        break;
      case OpKind::kDropLevel:
        break;
    }
  }
  return sum;
}

double predicted_latency_ms(const Program& program) {
  const double n = std::exp2(program.parameters.log_n);
  return cost(program) * n / 2 * program.parameters.log_n * kButterflyNs * 1e-6;
}

}  // namespace blindsight::compiler
