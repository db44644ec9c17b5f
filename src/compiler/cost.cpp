#include "blindsight/compiler/cost.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "blindsight/ckks/map_schedule.h"
#include "blindsight/compiler/work.h"

namespace blindsight::compiler {

LevelCost::LevelCost(unsigned level, unsigned special_limbs, unsigned log_n, unsigned log_unit) {
  const std::size_t n = std::size_t{1} << log_n;
  const Rates& rates = reference_rates();
  const LevelWork work(n, level, special_limbs,
                       log_unit >= kPackedKeys ? ckks::KeyForm::kPacked : ckks::KeyForm::kExpanded);
  slots = n / 2;
  const double transform = butterflies(std::size_t{1} << log_unit) * rates.butterfly;
  const auto price = [&](const Phases& phases) { return nanoseconds(phases, rates) / transform; };
  decompose = price(work.decompose());
  mod_down = price(work.mod_down(1));
  switch_one = price(work.baby());
  product = price(work.product());
  plain_product = price(work.plain_product());
  const double words = 2 * static_cast<double>(work.extended() * n);
  inner_sum = nanoseconds(Work{.sums = words}, rates) / transform;
  lay_out = nanoseconds(Work{.packed = words}, rates) / transform;
  rescale = price(work.rescale());
  square = price(work.square());
  giant = price(work.add_rotated());
  relinearise = price(work.relinearise());
  rotate = price(work.rotate());
  switch_ring = price(work.switch_ring());
  fold_round_ = mod_down + decompose;
  fold_rotation_ = price(work.add_rotated_hoisted());
  key_limbs = work.key_words() / static_cast<double>(std::size_t{2} << log_unit);
  transforms_ = static_cast<double>(work.extended()) * butterflies(n) * rates.butterfly / transform;
  embedding_ = butterflies(n / 2) * rates.embedding / transform;
  weight_ = nanoseconds(Work{.weight_words = words / 4}, rates) / transform;
}

double LevelCost::weight(std::size_t period) const {
  return static_cast<double>(period) / static_cast<double>(slots) * weight_;
}

/// Two to a transform of twice the period.
double LevelCost::encode(std::size_t period) const {
  return static_cast<double>(period) / static_cast<double>(slots) * (embedding_ + transforms_) / 2 + weight(period);
}

double LevelCost::folds(std::size_t count) const {
  const std::size_t pairs = count / 2, single = count % 2;
  return static_cast<double>(pairs + single) * fold_round_ + static_cast<double>(3 * pairs + single) * fold_rotation_;
}

KeySwitchCount count_key_switches(const ckks::LinearMapPlan& plan) {
  std::set<std::pair<std::uint32_t, int>> babies;
  std::map<std::uint32_t, std::set<int>> giants;
  std::set<std::uint32_t> hoisted;
  for (const auto& term : plan.terms) {
    if (term.baby != 0) {
      babies.emplace(term.input, term.baby);
      hoisted.insert(term.input);
    }
    giants[term.output].insert(term.giant);
  }
  std::size_t switches = 0;
  for (const auto& [output, all] : giants) {
    switches += all.size() - all.count(0);
  }
  const bool paired = plan.paired != 0;
  return {babies.size(),
          hoisted.size(),
          switches,
          plan.folds.size() * plan.outputs,
          paired ? plan.inputs : std::size_t{0},
          paired ? plan.outputs : std::size_t{0}};
}

double map_cost(const LevelCost& price, const KeySwitchCount& count, std::size_t terms, std::size_t outputs) {
  const auto products = static_cast<double>(terms);
  if (count.total() == 0) return products * price.plain_product;
  return static_cast<double>(count.hoisted_inputs) * price.decompose +
         static_cast<double>(count.babies) * price.switch_one + static_cast<double>(count.giants) * price.giant +
         static_cast<double>(count.rotated_inputs) * price.rotate +
         static_cast<double>(count.conjugations) * price.giant +
         static_cast<double>(outputs) * price.folds(count.folds / outputs) + products * price.product +
         static_cast<double>(count.giants + outputs) * price.inner_sum +
         static_cast<double>(count.babies + 1) * price.lay_out + 2 * static_cast<double>(outputs) * price.mod_down;
}

namespace {

/// Of key switches and products of so many.
double products_at_least(const LevelCost& price, double k) {
  double best = (k > 1 ? price.decompose : 0) + (k - 1) * price.switch_one;
  for (double giants = 2; giants <= std::min(k, 512.0); ++giants) {
    const double babies = std::ceil(k / giants);
    best = std::min(best,
                    (babies > 1 ? price.decompose : 0) + (babies - 1) * price.switch_one + (giants - 1) * price.giant);
  }
  return best + k * price.plain_product;
}

}  // namespace

double map_cost_at_least(const LevelCost& price, std::size_t diagonals, std::size_t folds) {
  const double k = static_cast<double>(diagonals);
  return std::min(products_at_least(price, k),
                  products_at_least(price, std::ceil(k / 2)) + price.rotate + price.giant) +
         price.folds(folds);
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

double predicted_latency_ms(const Program& program, const ckks::Context& context, const MemoryPlan& memory,
                            const Rates& rates) {
  double sum = 0;
  for (const Phases& phases : work_of(program, context, memory)) sum += nanoseconds(phases, rates);
  return sum * 1e-6;
}

}  // namespace blindsight::compiler
