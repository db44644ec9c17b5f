#include "blindsight/compiler/lowering.h"

#include <algorithm>
#include <bit>
#include <limits>
#include <map>
#include <memory>
#include <set>

#include "blindsight/base/error.h"
#include "blindsight/base/parallel.h"
#include "blindsight/compiler/cost.h"

namespace blindsight::compiler {

namespace {

constexpr std::size_t kBeam = 10;
constexpr std::size_t kBatch = 4;
constexpr double kWorkLimit = 1.5e8;

unsigned log2_ceil(std::size_t x) { return static_cast<unsigned>(std::bit_width(x - 1)); }

/// A partial solution: the layouts up to some map.
struct State {
  double cost = 0;
  Layout layout;
  std::shared_ptr<const State> before;
  LoweredMap map;
};
using StatePtr = std::shared_ptr<const State>;

struct Task {
  StatePtr from;
  const Placement* placement;
  double at_least;
};

LoweredMap make_map(const nn::SparseAffine& affine, const Placement& placement, Diagonals diagonals) {
  LoweredMap out;
  out.plan.terms = ckks::split_rotations(diagonals.rotation, static_cast<std::uint32_t>(placement.slots()));
  out.plan.folds = placement.fold_rotations();
  out.diagonals = std::move(diagonals.diagonal);
  out.output = placement.layout();
  out.bias.assign(placement.slots(), 0.0);
  for (std::size_t s = 0; s < out.bias.size(); ++s) {
    if (out.output.element[s] >= 0) out.bias[s] = affine.bias[out.output.element[s]];
  }
  return out;
}

/// The states after one map: at most `keep`, the cheapest, of different layouts.
std::vector<StatePtr> step(const std::vector<StatePtr>& states, const nn::SparseAffine& affine, unsigned level,
                           unsigned log_slots, std::size_t keep) {
  const LevelCost price(level);
  const std::vector<Placement> candidates = placements(affine, log_slots);
  std::vector<std::size_t> lower_diagonals;
  for (const Placement& placement : candidates) {
    std::size_t useful = 0;
    for (const std::int32_t row : placement.rows()) useful += row >= 0 ? 1 : 0;
    const std::size_t products = units(affine, placement);
    lower_diagonals.push_back(std::max<std::size_t>(1, (products + useful - 1) / std::max<std::size_t>(1, useful)));
  }
  std::vector<Task> tasks;
  for (const StatePtr& state : states) {
    for (std::size_t i = 0; i < candidates.size(); ++i) {
      tasks.push_back(
          {state, &candidates[i], state->cost + price.transform_at_least(lower_diagonals[i], candidates[i].folds())});
    }
  }
  std::stable_sort(tasks.begin(), tasks.end(), [](const Task& a, const Task& b) { return a.at_least < b.at_least; });

  std::map<const State*, std::unique_ptr<SlotsOfElement>> slots_of;
  for (const StatePtr& state : states) {
    slots_of[state.get()] = std::make_unique<SlotsOfElement>(state->layout, affine.cols);
  }

  std::vector<StatePtr> best;
  for (double work_limit : {kWorkLimit, std::numeric_limits<double>::infinity()}) {
    for (std::size_t first = 0; first < tasks.size(); first += kBatch) {
      const double cutoff = best.size() < keep ? std::numeric_limits<double>::infinity() : best.back()->cost;
      if (tasks[first].at_least >= cutoff) break;
      const std::size_t count = std::min(kBatch, tasks.size() - first);
      std::vector<std::shared_ptr<State>> found(count);
      parallel_for(count, [&](std::size_t i) {
        const Task& task = tasks[first + i];
        std::size_t limit = 0;  // most diagonals that could still be cheap enough
        for (std::size_t step_size = std::size_t{1} << log_slots; step_size > 0; step_size /= 2) {
          if (limit + step_size <= (std::size_t{1} << log_slots) &&
              task.from->cost + price.transform_at_least(limit + step_size, task.placement->folds()) < cutoff) {
            limit += step_size;
          }
        }
        if (limit == 0) return;
        auto diagonals =
            cover(task.from->layout, *slots_of[task.from.get()], affine, *task.placement, limit, work_limit);
        if (!diagonals) return;
        auto state = std::make_shared<State>();
        state->map = make_map(affine, *task.placement, std::move(*diagonals));
        state->cost = task.from->cost + price.transform(state->map.plan);
        state->layout = state->map.output;
        state->before = task.from;
        found[i] = std::move(state);
      });
      for (auto& state : found) {
        if (!state) continue;
        const auto same =
            std::find_if(best.begin(), best.end(), [&](const StatePtr& s) { return s->layout == state->layout; });
        if (same != best.end()) {
          if ((*same)->cost <= state->cost) continue;
          best.erase(same);
        }
        const auto at = std::upper_bound(best.begin(), best.end(), state,
                                         [](const StatePtr& a, const StatePtr& b) { return a->cost < b->cost; });
        best.insert(at, std::move(state));
        if (best.size() > keep) best.pop_back();
      }
      // Without a limit on the work, the first that is found has to do.
      if (work_limit > kWorkLimit && !best.empty()) break;
    }
    if (!best.empty()) break;
  }
  return best;
}

Layout repeat(std::vector<std::int32_t> period, std::size_t slots) {
  Layout layout;
  for (std::size_t s = 0; s < slots; ++s) layout.element.push_back(period[s % period.size()]);
  return layout;
}

}  // namespace

std::vector<std::vector<std::uint32_t>> group_rows(const nn::SparseAffine& map) {
  std::map<std::vector<std::uint32_t>, std::size_t> index;
  std::vector<std::vector<std::uint32_t>> groups;
  for (std::uint32_t r = 0; r < map.rows; ++r) {
    const std::vector<std::uint32_t> columns(map.col.begin() + map.row_begin[r],
                                             map.col.begin() + map.row_begin[r + 1]);
    const auto [it, fresh] = index.try_emplace(columns, groups.size());
    if (fresh) groups.emplace_back();
    groups[it->second].push_back(r);
  }
  for (const auto& group : groups) {
    if (group.size() != groups[0].size()) return {};
  }
  return groups;
}

std::vector<Layout> input_layouts(const nn::SparseAffine& first, unsigned log_slots) {
  const std::size_t slots = std::size_t{1} << log_slots;
  std::vector<Layout> layouts;
  if (first.cols <= slots) {
    std::vector<std::int32_t> period(std::bit_ceil(first.cols), kZero);
    for (std::size_t i = 0; i < first.cols; ++i) period[i] = static_cast<std::int32_t>(i);
    layouts.push_back(repeat(std::move(period), slots));
  }
  const auto groups = group_rows(first);
  if (groups.size() > 1) {
    std::size_t taps = 0;
    for (const auto& group : groups) {
      taps = std::max<std::size_t>(taps, first.row_begin[group[0] + 1] - first.row_begin[group[0]]);
    }
    const std::size_t padded_groups = std::bit_ceil(groups.size());
    const std::size_t padded_taps = std::bit_ceil(std::max<std::size_t>(1, taps));
    if (padded_groups * padded_taps <= slots) {
      std::vector<std::int32_t> period(padded_groups * padded_taps, kZero);
      for (std::size_t g = 0; g < groups.size(); ++g) {
        const std::uint32_t begin = first.row_begin[groups[g][0]];
        const std::uint32_t end = first.row_begin[groups[g][0] + 1];
        for (std::uint32_t t = 0; t < end - begin; ++t) {
          period[t * padded_groups + g] = static_cast<std::int32_t>(first.col[begin + t]);
        }
      }
      layouts.push_back(repeat(std::move(period), slots));
    }
  }
  return layouts;
}

std::vector<Placement> placements(const nn::SparseAffine& map, unsigned log_slots) {
  std::vector<std::vector<std::uint32_t>> orders;
  std::vector<std::uint32_t> natural(map.rows);
  for (std::uint32_t r = 0; r < map.rows; ++r) natural[r] = r;
  orders.push_back(natural);
  const auto groups = group_rows(map);
  if (groups.size() > 1 && groups[0].size() > 1) {
    const std::size_t padded = std::bit_ceil(groups.size());
    std::vector<std::uint32_t> order(map.rows);
    for (std::uint32_t g = 0; g < groups.size(); ++g) {
      for (std::uint32_t m = 0; m < groups[g].size(); ++m) {
        order[groups[g][m]] = static_cast<std::uint32_t>(m * padded + g);
      }
    }
    if (order != natural) orders.push_back(std::move(order));
  }
  std::vector<Placement> out;
  for (const auto& order : orders) {
    const unsigned bits = log2_ceil(*std::max_element(order.begin(), order.end()) + std::size_t{1});
    if (bits > log_slots) continue;
    for (unsigned a = 0; a + bits <= log_slots; ++a) {
      for (unsigned low = 0; low <= a; ++low) {
        if (low != 0 && low + 2 < a) continue;
        for (unsigned high = a + bits; high <= log_slots; ++high) {
          const bool copies = low < a || high > a + bits;
          for (const bool replicate : {false, true}) {
            if (replicate && !copies) continue;
            out.push_back({log_slots, a, bits, low, high, replicate, order});
          }
        }
      }
    }
  }
  return out;
}

Lowered lower(const nn::QuadraticChain& chain, unsigned log_slots) {
  const std::size_t slots = std::size_t{1} << log_slots;
  const auto too_wide = [&](const std::string& what, std::size_t size) {
    throw UnsupportedModel(what + " has " + std::to_string(size) + " elements, more than the " + std::to_string(slots) +
                           " slots of one ciphertext at N=2^" + std::to_string(log_slots + 1) +
                           ": use a narrower layer or a larger stride");
  };
  if (chain.affine.empty()) throw UnsupportedModel("the network has no layer");
  for (const nn::SparseAffine& map : chain.affine) {
    if (map.rows == 0 || map.cols == 0) throw UnsupportedModel("layer " + map.name + " is empty");
    if (map.rows > slots) too_wide("the output of layer " + map.name, map.rows);
  }
  std::vector<StatePtr> states;
  for (Layout& layout : input_layouts(chain.affine[0], log_slots)) {
    auto state = std::make_shared<State>();
    state->layout = std::move(layout);
    states.push_back(std::move(state));
  }
  if (states.empty()) too_wide("the input", chain.affine[0].cols);
  for (std::size_t i = 0; i < chain.affine.size(); ++i) {
    const bool last = i + 1 == chain.affine.size();
    states = step(states, chain.affine[i], static_cast<unsigned>(chain.affine.size() - i), log_slots, last ? 1 : kBeam);
    if (states.empty()) throw UnsupportedModel("layer " + chain.affine[i].name + ": no layout found");
  }
  Lowered out;
  out.cost = states[0]->cost;
  StatePtr state = states[0];
  for (; state->before; state = state->before) out.maps.insert(out.maps.begin(), state->map);
  out.input = state->layout;
  return out;
}

}  // namespace blindsight::compiler
