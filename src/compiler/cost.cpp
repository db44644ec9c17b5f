#include "blindsight/compiler/cost.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <set>

#include "blindsight/ring/kernels.h"

namespace blindsight::compiler {

namespace {
// Word-wise work on one limb, measured in transforms of that limb: a multiply-add streaming from memory, one in cache
// (base conversion), a pass, an automorphism.
constexpr double kMultiplyAdd = 0.1;
constexpr double kConversion = 0.04;
constexpr double kPass = 0.08;
constexpr double kPermutation = 0.15;
/// A limb of a packed key, and the one that its seed stands for.
constexpr double kUnpackKey = 1.5;
/// A complex floating-point transform of as many slots as the plaintext has, in transforms of a limb of the same ring.
constexpr double kEmbedding = 2;
}  // namespace

double ring_price(unsigned log_n, unsigned steps) {
  return std::exp2(-static_cast<double>(steps)) * (log_n - steps) / log_n;
}

LevelCost::LevelCost(unsigned level, unsigned special_limbs, double ring)
    : ring_(ring), extended_(level + 1.0 + special_limbs) {
  const double limbs = level + 1.0, special = special_limbs;
  const double digits = std::ceil(limbs / special);
  decompose = ring * (limbs + digits * extended_ - limbs + kConversion * limbs * (extended_ - special));
  mod_down = ring * (special + limbs + kConversion * special * limbs + kPass * limbs);
  switch_one = ring * (digits * extended_ * (2 * kMultiplyAdd + kUnpackKey) + 2 * extended_ * kPermutation);
  product = ring * 2 * extended_ * kMultiplyAdd;
  plain_product = ring * 2 * limbs * kMultiplyAdd;
  rescale = ring * (2 * limbs + 2 * limbs * kPass);
  square = ring * 3 * limbs * kMultiplyAdd;
  key_limbs = ring * digits * extended_;
  switch_ring = ring * 8 * limbs * kPass + 2 * decompose + 2 * switch_one + 2 * mod_down;
}

double LevelCost::encode(std::size_t period, std::size_t slots) const {
  return ring_ * static_cast<double>(period) / static_cast<double>(slots) * (kEmbedding + extended_);
}

KeySwitchCount count_key_switches(const ckks::LinearMapPlan& plan) {
  std::set<std::pair<std::uint32_t, int>> babies, giants;
  std::set<std::uint32_t> hoisted;
  for (const auto& term : plan.terms) {
    if (term.baby != 0) {
      babies.emplace(term.input, term.baby);
      hoisted.insert(term.input);
    }
    if (term.giant != 0) giants.emplace(term.output, term.giant);
  }
  return {babies.size(), hoisted.size(), giants.size(), plan.folds.size() * plan.outputs};
}

double map_cost(const LevelCost& price, const KeySwitchCount& count, std::size_t terms, std::size_t outputs) {
  const auto products = static_cast<double>(terms);
  if (count.total() == 0) return products * price.plain_product;
  return static_cast<double>(count.hoisted_inputs) * price.decompose +
         static_cast<double>(count.babies) * price.switch_one +
         static_cast<double>(count.giants + count.folds) * price.giant() + products * price.product +
         2 * static_cast<double>(outputs) * price.mod_down;
}

double map_cost_at_least(const LevelCost& price, std::size_t diagonals, std::size_t folds) {
  const double k = static_cast<double>(diagonals);
  double best = (k > 1 ? price.decompose : 0) + (k - 1) * price.switch_one;
  for (double giants = 2; giants <= std::min(k, 512.0); ++giants) {
    const double babies = std::ceil(k / giants);
    best = std::min(
        best, (babies > 1 ? price.decompose : 0) + (babies - 1) * price.switch_one + (giants - 1) * price.giant());
  }
  return best + k * price.plain_product + static_cast<double>(folds) * price.giant();
}

std::size_t count_key_switches(const Program& program) {
  std::size_t count = 0;
  for (const Op& op : program.ops) {
    if (op.kind == OpKind::kLinearMap) count += count_key_switches(program.maps[op.operand].plan).total();
    if (op.kind == OpKind::kSquare) ++count;
    if (op.kind == OpKind::kSwitchRing) count += 2;
  }
  return count;
}

namespace {

unsigned special_limbs_at(const ckks::ParametersLiteral& parameters, unsigned ring, unsigned level) {
  return ring == 0 ? parameters.special_limbs_at(level) : parameters.smaller[ring - 1].special_limbs;
}

}  // namespace

double cost(const Program& program, const std::vector<bool>& cached, Rings rings) {
  double sum = 0;
  for (const Op& op : program.ops) {
    const unsigned steps = rings == Rings::kOne ? 0 : op.ring;
    if (op.kind == OpKind::kSwitchRing && rings == Rings::kOne) continue;
    const double ring = ring_price(program.parameters.log_n, steps);
    const unsigned special = special_limbs_at(program.parameters, steps, op.level);
    const LevelCost at(op.level, special, ring);
    switch (op.kind) {
      case OpKind::kLinearMap: {
        const Map& map = program.maps[op.operand];
        sum += map_cost(at, count_key_switches(map.plan), map.plan.terms.size(), map.plan.outputs);
        if (cached[op.operand]) break;
        for (const auto& term : map.plan.terms) {
          sum += at.encode(map.diagonals[term.diagonal].period(), program.slots(steps));
        }
        break;
      }
      case OpKind::kSquare:
        sum += at.square + at.key_switch();
        break;
      case OpKind::kRescale:
        sum += LevelCost(op.level + 1, 1, ring).rescale;
        break;
      case OpKind::kAddVector:
      case OpKind::kDropLevel:
        sum += ring * (op.level + 1) * kPass;
        break;
      case OpKind::kSwitchRing:
        sum += at.switch_ring;
        break;
    }
  }
  return sum;
}

double measure_transform_ns(const ckks::Context& context) {
  constexpr int kTries = 12;
  const ring::NttTables& tables = context.basis(0)->tables(0);
  ring::AlignedVector<std::uint64_t> words(context.n(), 1);
  double least = std::numeric_limits<double>::infinity();
  for (int i = 0; i < kTries; ++i) {
    const auto start = std::chrono::steady_clock::now();
    ring::kernels().ntt_forward(words.data(), words.size(), tables);
    const std::chrono::duration<double, std::nano> taken = std::chrono::steady_clock::now() - start;
    least = std::min(least, taken.count());
  }
  return least;
}

double predicted_latency_ms(const Program& program, const std::vector<bool>& cached, double transform_ns) {
  return cost(program, cached) * transform_ns * 1e-6;
}

}  // namespace blindsight::compiler
