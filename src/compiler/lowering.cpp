#include "blindsight/compiler/lowering.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <exception>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <tuple>

#include "blindsight/base/error.h"
#include "blindsight/base/parallel.h"
#include "blindsight/compiler/grid.h"
#include "blindsight/compiler/repetition.h"
#include "blindsight/compiler/row_placements.h"
#include "blindsight/compiler/split.h"

namespace blindsight::compiler {

namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
/// How far the search looks.
struct Effort {
  std::size_t beam;   ///< states that are kept after a stage
  double stage_work;  ///< steps of all covers of a stage, where cheaper candidates exist
};
/// Where all maps are small: many layouts of a layer cost nearly the same, and which of them suits the next one shows
/// only there.
constexpr Effort kSmallEffort{16, 1e9};
constexpr Effort kLargeEffort{8, 2e8};
constexpr std::size_t kBatch = 4;
/// Where every element stands once there is nothing to search: a step takes so much of one that does.
constexpr double kForcedStep = 0.1;
/// States whose latest stage costs so many times what the best one's does are not followed.
constexpr double kHopeless = 2.5;
/// Covers that take more steps are tried only where no quicker one is found.
constexpr double kWorkLimits[] = {1.5e7, 1.5e8, kInfinity};
/// Maps up to this size try all row placements, beyond it only grids.
constexpr std::size_t kSmallMap = 150'000;
/// What a limb of one more rotation key counts, in transforms: a mild wish to share.
constexpr double kKeyWish = 0.05;
constexpr double kKeyWishGrowth = 1.15;
constexpr double kLargestKeyWish = 1e4;

std::uint64_t mix(std::uint64_t hash, std::uint64_t value) {
  hash ^= value + 0x9e3779b97f4a7c15 + (hash << 6) + (hash >> 2);
  return hash * 0xff51afd7ed558ccd;
}

std::uint64_t pattern_of(const nn::SparseMatrix& map) {
  std::uint64_t hash = mix(map.rows, map.cols);
  for (const std::uint32_t x : map.row_begin) hash = mix(hash, x);
  for (const std::uint32_t x : map.col) hash = mix(hash, x);
  return hash;
}

std::uint64_t hash_of(const Placement& p) {
  std::uint64_t hash = mix(p.log_slots, p.log_ciphertexts);
  for (const std::uint64_t x : {p.row_bit, p.row_bits, p.low_folds, p.high_fold_bit, p.replicate ? 1U : 0U}) {
    hash = mix(hash, x);
  }
  for (const std::uint32_t x : p.position) hash = mix(hash, x);
  return hash;
}

bool has_small_maps(const nn::QuadraticNetwork& network) {
  for (const nn::Stage& stage : network.stages) {
    for (const nn::StageTerm& term : stage.terms) {
      if (term.matrix.nonzeros() > kSmallMap) return false;
    }
  }
  return true;
}

/// Where one value stands.
struct Standing {
  Layout layout;
  std::unique_ptr<SlotsOfElement> slots_of;
  std::optional<Grid> grid;
  std::uint64_t hash = 0;
  unsigned log_period = 0;               // with which the layout repeats
  std::shared_ptr<const Standing> half;  // the same in a ring of half the slots; null where nothing reads it there
};
using StandingPtr = std::shared_ptr<const Standing>;

/// Whether one ciphertext holds it and `times` halvings of the ring leave it as it is.
bool may_shrink(const Layout& layout, unsigned log_period, unsigned times) {
  return times == 0 || (layout.element.size() >> log_period == 1 && log_period_of(layout) <= log_period - times);
}

/// `halvings`: how often the ring shrinks before the value's last reader.
StandingPtr make_standing(Layout layout, std::optional<Grid> grid, std::size_t elements, unsigned halvings) {
  auto out = std::make_shared<Standing>();
  for (const std::int32_t e : layout.element) out->hash = mix(out->hash, static_cast<std::uint32_t>(e));
  out->slots_of = std::make_unique<SlotsOfElement>(layout, elements);
  if (halvings > 0) {
    Layout half;
    half.element.assign(layout.element.begin(),
                        layout.element.begin() + static_cast<std::ptrdiff_t>(layout.element.size() / 2));
    out->half = make_standing(std::move(half), grid, elements, halvings - 1);
  }
  out->log_period = log_period_of(layout);
  out->layout = std::move(layout);
  out->grid = std::move(grid);
  return out;
}

/// What the first `slots` weights of every diagonal are, all others are too.
void repeat_weights(std::vector<CoveringDiagonal>& diagonals, std::size_t slots) {
  for (CoveringDiagonal& d : diagonals) {
    for (std::size_t s = slots; s < d.weight.size(); ++s) d.weight[s] = d.weight[s - slots];
  }
}

struct Candidate {
  Placement placement;
  std::optional<Grid> grid;
  std::size_t least_diagonals = 1;
  double products = 0;  ///< of the main term, times the slots that each may be taken in
};

/// A partial solution: where the values up to some stage stand.
struct State {
  double cost = 0;
  StandingPtr input;
  std::vector<StandingPtr> values;                       // by value; null where no later stage reads it
  std::vector<std::shared_ptr<const Candidate>> chosen;  // by stage
};
using StatePtr = std::shared_ptr<const State>;

struct Task {
  StatePtr from;
  std::shared_ptr<const Candidate> candidate;
  double at_least;
  double work;  ///< steps of its covers, about
};

/// Whether the live values stand alike.
bool same(const State& a, const State& b) {
  for (std::size_t v = 0; v < a.values.size(); ++v) {
    if ((a.values[v] == nullptr) != (b.values[v] == nullptr)) return false;
    if (a.values[v] && !(a.values[v]->layout == b.values[v]->layout)) return false;
  }
  return true;
}

/// The cheapest states, no two of which are the same: so many of the period that the cheapest has, and a few of every
/// other, which the next stages may be cheaper for.
class Beam {
 public:
  explicit Beam(std::size_t keep) : keep_(keep) {}

  bool empty() const { return best_.empty(); }
  double least() const { return empty() ? kInfinity : best_.at(cheapest()).front()->cost; }
  /// What a state of that period must cost less than.
  double cutoff(unsigned log_period) const {
    const auto found = best_.find(log_period);
    if (found == best_.end()) return kInfinity;
    const std::size_t room = room_for(log_period);
    return found->second.size() < room ? kInfinity : found->second[room - 1]->cost;
  }
  void add(unsigned log_period, StatePtr state) {
    auto& best = best_[log_period];
    const auto twin = std::find_if(best.begin(), best.end(), [&](const StatePtr& s) { return same(*s, *state); });
    if (twin != best.end()) {
      if ((*twin)->cost <= state->cost) return;
      best.erase(twin);
    }
    const auto at = std::upper_bound(best.begin(), best.end(), state,
                                     [](const StatePtr& a, const StatePtr& b) { return a->cost < b->cost; });
    best.insert(at, std::move(state));
    if (best.size() > keep_) best.pop_back();
  }
  std::vector<StatePtr> states() const {
    std::vector<StatePtr> all;
    for (const auto& [log_period, best] : best_) {
      const std::size_t count = std::min(best.size(), room_for(log_period));
      all.insert(all.end(), best.begin(), best.begin() + static_cast<std::ptrdiff_t>(count));
    }
    std::stable_sort(all.begin(), all.end(), [](const StatePtr& a, const StatePtr& b) { return a->cost < b->cost; });
    if (keep_ == 1) all.resize(std::min<std::size_t>(all.size(), 1));
    return all;
  }

 private:
  static constexpr std::size_t kOfOtherPeriods = 2;
  unsigned cheapest() const {
    return std::min_element(
               best_.begin(), best_.end(),
               [](const auto& a, const auto& b) { return a.second.front()->cost < b.second.front()->cost; })
        ->first;
  }
  std::size_t room_for(unsigned log_period) const {
    return log_period == cheapest() ? keep_ : std::min(keep_, kOfOtherPeriods);
  }

  std::size_t keep_;
  std::map<unsigned, std::vector<StatePtr>> best_;  // by log2 of the period of what the stage makes
};

/// The beam search.
class Search {
 public:
  /// `log_periods`: of every stage, none longer than the one before it. Rings too small for them cut them short.
  Search(const nn::QuadraticNetwork& network, const LoweringOptions& options, std::vector<unsigned> log_periods)
      : network_(network),
        options_(options),
        log_periods_(std::move(log_periods)),
        effort_(has_small_maps(network) ? kSmallEffort : kLargeEffort),
        depths_(network.depths()) {
    last_reader_.assign(network.stages.size() + 1, 0);
    for (std::size_t v = 0; v <= network.stages.size(); ++v) last_log_period_.push_back(log_period_made(v));
    for (std::size_t s = 0; s < network.stages.size(); ++s) {
      auto& hashes = patterns_.emplace_back();
      for (const nn::StageTerm& term : network.stages[s].terms) {
        last_reader_[term.value] = s;
        last_log_period_[term.value] = std::min(last_log_period_[term.value], this->log_period(s));
        hashes.push_back(pattern_of(term.matrix));
      }
    }
  }

  Lowered run() {
    std::vector<StatePtr> states = first_states();
    for (std::size_t s = 0; s < network_.stages.size(); ++s) {
      states = step(states, s, s + 1 == network_.stages.size() ? 1 : effort_.beam);
      if (states.empty()) {
        throw UnsupportedModel("layer " + network_.stages[s].name + ": no layout found within 2^" +
                               std::to_string(kMaxLogCiphertexts) + " ciphertexts of 2^" +
                               std::to_string(options_.log_slots) + " slots: use a narrower layer or a larger stride");
      }
    }
    return build(*states[0]);
  }

 private:
  const nn::Shape& shape_of(std::size_t value) const {
    return value == 0 ? network_.input_shape : network_.stages[value - 1].shape;
  }
  /// Of the stage's inputs.
  unsigned level_of(std::size_t stage) const { return depths_.back() - depths_[stage + 1] + 1; }
  unsigned ring_of_stage(std::size_t stage) const { return ring_of(options_.smaller, level_of(stage)); }
  unsigned log_slots(std::size_t stage) const { return options_.log_slots - ring_of_stage(stage); }
  unsigned log_period(std::size_t stage) const { return std::min(log_periods_[stage], log_slots(stage)); }
  unsigned log_period_made(std::size_t value) const { return log_period(value == 0 ? 0 : value - 1); }
  /// How often a value's period is halved before its last reader.
  unsigned halvings(std::size_t value) const { return log_period_made(value) - last_log_period_[value]; }
  /// A value as this stage reads it.
  const Standing& read(const State& state, std::size_t value, std::size_t stage) const {
    const Standing* standing = state.values[value].get();
    for (unsigned p = log_period_made(value); p > log_period(stage); --p) standing = standing->half.get();
    return *standing;
  }
  const LevelCost& price_of(std::size_t stage) const { return options_.prices[level_of(stage)]; }
  /// Of what the stage makes.
  unsigned made_log_period(std::size_t stage, const Candidate& candidate) const {
    const unsigned most = log_period(stage);
    return candidate.grid ? std::min(most, static_cast<unsigned>(std::bit_width(candidate.grid->mask()))) : most;
  }
  /// The slots after which a term's weights repeat: where its input and its output do, or sooner.
  unsigned log_repetition_of(const Standing& from, std::size_t stage, std::size_t term,
                             const Placement& placement) const {
    const SearchCache<unsigned>::Key key{mix(stage, term), from.hash, hash_of(placement)};
    if (const auto known = options_.found->log_repetitions.find(key)) return *known;
    const unsigned found = log_repetition(from.layout, network_.stages[stage].terms[term].matrix, placement);
    options_.found->log_repetitions.add(key, found);
    return found;
  }
  /// The ciphertexts that the stage reads.
  std::vector<SplitInput> split_inputs(const State& state, std::size_t stage, const Candidate& candidate) const {
    const unsigned stage_period = log_period(stage);
    std::vector<SplitInput> inputs;
    for (std::size_t t = 0; t < network_.stages[stage].terms.size(); ++t) {
      const Standing& from = read(state, network_.stages[stage].terms[t].value, stage);
      const unsigned log_own = std::min(from.log_period, stage_period);
      const std::size_t period = std::size_t{1} << log_own;
      const std::size_t own = std::size_t{1} << std::min(std::max(log_own, made_log_period(stage, candidate)),
                                                         log_repetition_of(from, stage, t, candidate.placement));
      const LevelCost& price = price_of(stage);
      const double weight = options_.cached ? price.weight(own) : price.encode(own);
      inputs.insert(inputs.end(), from.layout.element.size() >> stage_period, {period, weight});
    }
    return inputs;
  }

  /// The one with the most weights.
  std::size_t main_index(std::size_t stage) const {
    const auto& terms = network_.stages[stage].terms;
    const auto main = std::max_element(terms.begin(), terms.end(), [](const auto& a, const auto& b) {
      return a.matrix.nonzeros() < b.matrix.nonzeros();
    });
    return static_cast<std::size_t>(main - terms.begin());
  }
  const nn::StageTerm& main_term(std::size_t stage) const { return network_.stages[stage].terms[main_index(stage)]; }

  std::vector<StatePtr> first_states() const;
  std::vector<std::shared_ptr<const Candidate>> candidates(const State& state, std::size_t stage) const;
  using Cover = std::vector<CoveringDiagonal>;
  std::optional<Cover> cover_stage(const State& state, std::size_t stage, const Placement& placement, std::size_t limit,
                                   Weights weights, double work_limit);
  std::shared_ptr<State> extend(const Task& task, std::size_t stage, double cutoff, double work_limit);
  std::vector<StatePtr> step(const std::vector<StatePtr>& states, std::size_t stage, std::size_t keep);
  Lowered build(const State& state);
  struct Keys {
    std::size_t count = 0;
    double limbs = 0;
  };
  Keys split_all(Lowered& lowered, const std::vector<Cover>& covers, const std::vector<std::vector<SplitInput>>& inputs,
                 double wish);

  const nn::QuadraticNetwork& network_;
  const LoweringOptions& options_;
  std::vector<unsigned> log_periods_;
  Effort effort_;
  std::vector<unsigned> depths_;
  std::vector<std::size_t> last_reader_;              // of every value
  std::vector<unsigned> last_log_period_;             // of every value: the least with which it is made or read
  std::vector<std::vector<std::uint64_t>> patterns_;  // of every stage's terms
};

std::vector<StatePtr> Search::first_states() const {
  std::vector<StatePtr> states;
  const std::size_t elements = nn::element_count(network_.input_shape);
  const auto add = [&](Layout layout, std::optional<Grid> grid) {
    if (!may_shrink(layout, log_period(0), halvings(0))) return;
    auto state = std::make_shared<State>();
    state->values.resize(network_.stages.size() + 1);
    state->input = state->values[0] = make_standing(std::move(layout), std::move(grid), elements, halvings(0));
    for (const StatePtr& other : states) {
      if (other->values[0]->layout == state->values[0]->layout) return;
    }
    states.push_back(std::move(state));
  };
  for (Grid& grid : fresh_grids(network_.input_shape)) {
    if (const auto p = placement(grid, log_period(0), kMaxLogCiphertexts)) add(p->layout(), std::move(grid));
  }
  for (const nn::StageTerm& term : network_.stages[0].terms) {
    if (term.value != 0) continue;
    const nn::Shape& made = network_.stages[0].shape;
    if (const auto stride = stride_of(term.matrix, network_.input_shape, made)) {
      Grid grid = deep_grid(network_.input_shape, *stride, index_bits(static_cast<std::size_t>(made[0])));
      if (const auto p = placement(grid, log_period(0), 0)) {
        Layout layout = with_copies(grid, *p);
        add(std::move(layout), std::move(grid));
      }
    }
    for (Layout& layout : input_layouts(term.matrix, log_period(0))) add(std::move(layout), std::nullopt);
  }
  if (states.empty()) throw UnsupportedModel("the input is too large for the ring");
  return states;
}

std::vector<std::shared_ptr<const Candidate>> Search::candidates(const State& state, std::size_t stage) const {
  const nn::Stage& what = network_.stages[stage];
  const nn::StageTerm& main = main_term(stage);
  std::vector<std::shared_ptr<const Candidate>> out;
  const auto add = [&](Placement placement, std::optional<Grid> grid) {
    for (const auto& other : out) {
      if (other->placement == placement) return;
    }
    if (halvings(stage + 1) > 0 && !may_shrink(placement.layout(), log_period(stage), halvings(stage + 1))) return;
    std::size_t useful = 0;
    for (const std::int32_t row : placement.rows()) useful += row >= 0 ? 1 : 0;
    const std::size_t products = units(main.matrix, placement);
    auto candidate = std::make_shared<Candidate>();
    candidate->least_diagonals = std::max<std::size_t>(1, (products + useful - 1) / std::max<std::size_t>(1, useful));
    candidate->products = static_cast<double>(products) * std::exp2(placement.folds());
    candidate->placement = std::move(placement);
    candidate->grid = std::move(grid);
    out.push_back(std::move(candidate));
  };
  const auto add_grid = [&](const Grid& grid) {
    std::vector<Grid> grids =
        halvings(stage + 1) > 0 ? compacted(grid, last_log_period_[stage + 1]) : std::vector{grid};
    // Without free bits below its highest: the next stage then reads a shorter period.
    for (Grid& dense : compacted(grid, static_cast<unsigned>(std::popcount(grid.mask())))) grids.push_back(dense);
    for (Grid& each : grids) {
      if (auto p = placement(each, log_period(stage), kMaxLogCiphertexts)) add(std::move(*p), std::move(each));
    }
  };
  for (const nn::StageTerm& term : what.terms) {
    const auto& from = state.values[term.value]->grid;
    if (!from) continue;
    const auto stride = stride_of(term.matrix, shape_of(term.value), what.shape);
    if (!stride) continue;
    for (const Grid& grid : inherited_grids(*from, what.shape, *stride)) add_grid(grid);
  }
  for (const Grid& grid : fresh_grids(what.shape)) add_grid(grid);
  if (main.matrix.nonzeros() <= kSmallMap || what.shape.size() != 3) {
    if (main.matrix.rows <= (std::size_t{1} << log_period(stage))) {
      for (Placement& p : placements(main.matrix, log_period(stage))) add(std::move(p), std::nullopt);
    }
  }
  return out;
}

/// The diagonals of all terms; nullopt where they are not within the limits.
std::optional<Search::Cover> Search::cover_stage(const State& state, std::size_t stage, const Placement& placement,
                                                 std::size_t limit, Weights weights, double work_limit) {
  Cover all;
  std::uint32_t inputs = 0;
  const std::uint64_t placed = hash_of(placement);
  for (std::size_t t = 0; t < network_.stages[stage].terms.size(); ++t) {
    const nn::StageTerm& term = network_.stages[stage].terms[t];
    const Standing& from = read(state, term.value, stage);
    const unsigned log_repeats = log_repetition_of(from, stage, t, placement);
    const SearchCache<Cover>::Key key{mix(patterns_[stage][t], log_repeats), from.hash, placed};
    std::optional<Cover> part;
    if (weights == Weights::kLeaveOut) part = options_.found->covers.find(key);
    if (!part) {
      if (log_repeats < placement.log_slots) {
        part = cover(from.layout, *from.slots_of, first_repetition(term.matrix, placement, log_repeats), placement,
                     limit, weights, work_limit);
        if (part && weights == Weights::kFill) repeat_weights(*part, std::size_t{1} << log_repeats);
      } else {
        part = cover(from.layout, *from.slots_of, term.matrix, placement, limit, weights, work_limit);
      }
      if (part && weights == Weights::kLeaveOut) options_.found->covers.add(key, *part);
    }
    if (!part || all.size() + part->size() > limit) return std::nullopt;
    for (CoveringDiagonal& d : *part) {
      d.input += inputs;
      all.push_back(std::move(d));
    }
    inputs += static_cast<std::uint32_t>(from.layout.element.size() >> log_period(stage));
  }
  return all;
}

std::shared_ptr<State> Search::extend(const Task& task, std::size_t stage, double cutoff, double work_limit) {
  const LevelCost& price = price_of(stage);
  const Placement& placement = task.candidate->placement;
  const std::size_t most = (std::size_t{1} << (log_period(stage) + kMaxLogCiphertexts)) * placement.ciphertexts();
  std::size_t limit = 0;  // most diagonals that could still be cheap enough
  for (std::size_t step_size = most; step_size > 0; step_size /= 2) {
    if (limit + step_size <= most &&
        task.from->cost + map_cost_at_least(price, limit + step_size, placement.folds()) < cutoff) {
      limit += step_size;
    }
  }
  if (limit == 0) return nullptr;
  const auto diagonals = cover_stage(*task.from, stage, placement, limit, Weights::kLeaveOut, work_limit);
  if (!diagonals) return nullptr;
  auto state = std::make_shared<State>(*task.from);
  ckks::LinearMapPlan plan;
  plan.outputs = static_cast<std::uint32_t>(placement.ciphertexts());
  const auto inputs = split_inputs(*task.from, stage, *task.candidate);
  Split split = split_rotations(*diagonals, placement.slots(), inputs, price, {}, options_.pairs);
  plan.inputs = static_cast<std::uint32_t>(inputs.size());
  plan.terms = std::move(split.terms);
  plan.paired = split.paired;
  plan.folds = placement.fold_rotations();
  state->cost += map_cost(price, count_key_switches(plan), plan.terms.size(), plan.outputs);
  state->cost += split.weights;
  const LevelCost& next = options_.prices[level_of(stage) - 1];  // of its readers
  state->cost += plan.outputs * (next.square + next.relinearise + price.rescale);
  const unsigned ring = ring_of_stage(stage);
  for (unsigned to = ring_of(options_.smaller, level_of(stage) - 1); to > ring; --to) {
    state->cost += plan.outputs * next.switch_ring;
  }
  if (!(state->cost < cutoff)) return nullptr;
  state->values[stage + 1] = make_standing(placement.layout(), task.candidate->grid,
                                           nn::element_count(network_.stages[stage].shape), halvings(stage + 1));
  state->chosen.push_back(task.candidate);
  for (std::size_t v = 0; v <= stage; ++v) {
    if (last_reader_[v] <= stage) state->values[v] = nullptr;
  }
  return state;
}

/// The states after one stage: see Beam.
std::vector<StatePtr> Search::step(const std::vector<StatePtr>& states, std::size_t stage, std::size_t keep) {
  std::vector<Task> tasks;
  for (const StatePtr& state : states) {
    for (auto& candidate : candidates(*state, stage)) {
      const double at_least =
          state->cost + map_cost_at_least(price_of(stage), candidate->least_diagonals, candidate->placement.folds());
      const Standing& main = read(*state, main_term(stage).value, stage);
      const double copies = static_cast<double>(main.slots_of->slot.size()) /
                            static_cast<double>(std::max<std::size_t>(1, main.slots_of->begin.size() - 1));
      const bool forced = copies == 1 && candidate->placement.folds() == 0;
      const double repetitions = std::exp2(candidate->placement.log_slots -
                                           log_repetition_of(main, stage, main_index(stage), candidate->placement));
      const double work = candidate->products * copies / repetitions * (forced ? kForcedStep : 1);
      tasks.push_back({state, std::move(candidate), at_least, work});
    }
  }
  std::stable_sort(tasks.begin(), tasks.end(), [](const Task& a, const Task& b) {
    return std::tie(a.at_least, a.work) < std::tie(b.at_least, b.work);
  });
  const double start = states.front()->cost;
  Beam beam(keep);
  for (const double work_limit : kWorkLimits) {
    double spent = 0;
    std::size_t count = 1;  // the first sets a mark, so that no time goes into hopeless ones
    for (std::size_t first = 0; first < tasks.size(); first += count, count = kBatch) {
      const double hopeless = start + kHopeless * (beam.least() - start);
      if (tasks[first].at_least >= hopeless) break;
      count = std::min(count, tasks.size() - first);
      if (!beam.empty() && spent + tasks[first].work > effort_.stage_work) {
        count = 1;  // a quicker one may follow
        continue;
      }
      std::vector<std::shared_ptr<State>> found(count);
      std::vector<double> cutoff(count);
      for (std::size_t i = 0; i < count; ++i) {
        const Task& task = tasks[first + i];
        cutoff[i] = std::min(hopeless, beam.cutoff(made_log_period(stage, *task.candidate)));
        if (task.at_least < cutoff[i]) spent += std::min(task.work, work_limit);
      }
      parallel_for(count, [&](std::size_t i) {
        const Task& task = tasks[first + i];
        if (task.at_least < cutoff[i]) found[i] = extend(task, stage, cutoff[i], work_limit);
      });
      for (std::size_t i = 0; i < count; ++i) {
        if (found[i]) beam.add(made_log_period(stage, *tasks[first + i].candidate), std::move(found[i]));
      }
    }
    if (!beam.empty()) break;
  }
  return beam.states();
}

/// Splits the rotations of every stage. Stages of higher levels come first: their keys serve the lower ones.
Search::Keys Search::split_all(Lowered& lowered, const std::vector<Cover>& covers,
                               const std::vector<std::vector<SplitInput>>& inputs, double wish) {
  KeyPrice keys;
  Keys out;
  std::map<std::pair<unsigned, int>, double> limbs;  // by ring and rotation
  for (std::size_t s = 0; s < covers.size(); ++s) {
    if (s > 0 && ring_of_stage(s) != ring_of_stage(s - 1)) keys = {};
    LoweredStage& stage = lowered.stages[s];
    const LevelCost& price = price_of(s);
    const int period = 1 << log_period(s);
    keys.each = wish * price.key_limbs;
    Split split = split_rotations(covers[s], std::size_t{1} << log_period(s), inputs[s], price, keys, options_.pairs);
    stage.plan.terms = std::move(split.terms);
    stage.plan.paired = split.paired;
    if (split.paired != 0 && !keys.conjugation) {
      keys.conjugation = true;
      out.limbs += price.key_limbs;
    }
    for (const int k : ckks::rotations_of(stage.plan, static_cast<std::uint32_t>(1U << log_slots(s)))) {
      double& most = limbs[{ring_of_stage(s), k}];
      most = std::max(most, price.key_limbs);
      keys.present.insert(((k % period) + period) % period);
    }
  }
  out.count = limbs.size();  // of rotations
  for (const auto& [rotation, size] : limbs) out.limbs += size;
  return out;
}

Lowered Search::build(const State& state) {
  Lowered out;
  out.log_period = log_period(0);
  out.cost = state.cost;
  std::vector<Cover> covers;
  std::vector<std::vector<SplitInput>> inputs;
  State all;  // every value's standing, also of those that the search has dropped
  all.values.resize(network_.stages.size() + 1);
  all.values[0] = state.input;
  out.input = state.input->layout;
  for (std::size_t s = 0; s < network_.stages.size(); ++s) {
    const nn::Stage& what = network_.stages[s];
    const Placement& placement = state.chosen[s]->placement;
    Cover diagonals =
        cover_stage(all, s, placement, std::numeric_limits<std::size_t>::max(), Weights::kFill, kInfinity).value();
    LoweredStage stage;
    stage.log_period = log_period(s);
    for (const nn::StageTerm& term : what.terms) {
      const std::size_t count = read(all, term.value, s).layout.element.size() >> log_period(s);
      for (std::size_t c = 0; c < count; ++c) {
        stage.sources.push_back({term.value, term.squared, static_cast<std::uint32_t>(c)});
      }
    }
    stage.plan.inputs = static_cast<std::uint32_t>(stage.sources.size());
    stage.plan.outputs = static_cast<std::uint32_t>(placement.ciphertexts());
    stage.plan.folds = placement.fold_rotations();
    for (CoveringDiagonal& d : diagonals) stage.diagonals.emplace_back(std::exchange(d.weight, {}));
    stage.output = placement.layout();
    const std::size_t slots = placement.slots();
    for (std::size_t c = 0; c < placement.ciphertexts(); ++c) {
      std::vector<double> bias(slots, 0.0);
      for (std::size_t i = 0; i < slots; ++i) {
        const std::int32_t e = stage.output.element[c * slots + i];
        if (e >= 0) bias[i] = what.bias[static_cast<std::size_t>(e)];
      }
      stage.bias.emplace_back(bias);
    }
    // A value that nothing feeds into an output ciphertext still needs that ciphertext: a diagonal of zeros.
    std::vector<bool> made(placement.ciphertexts(), false);
    for (const CoveringDiagonal& d : diagonals) made[d.output] = true;
    for (std::uint32_t c = 0; c < made.size(); ++c) {
      if (made[c]) continue;
      diagonals.push_back({0, c, 0, {}});
      stage.diagonals.emplace_back(std::vector<double>(slots, 0.0));
    }
    all.values[s + 1] = make_standing(stage.output, std::nullopt, nn::element_count(what.shape), halvings(s + 1));
    inputs.push_back(split_inputs(all, s, *state.chosen[s]));
    covers.push_back(std::move(diagonals));
    out.stages.push_back(std::move(stage));
  }
  for (double wish = kKeyWish;; wish *= kKeyWishGrowth) {
    const Keys keys = split_all(out, covers, inputs, wish);
    out.rotation_keys = keys.count;
    const bool few = options_.max_rotation_keys == 0 || keys.count <= options_.max_rotation_keys;
    const bool small = options_.max_key_limbs == 0 || keys.limbs <= options_.max_key_limbs;
    if (few && (small || wish > kLargestKeyWish)) break;
    if (wish > kLargestKeyWish) {
      throw UnsupportedModel("the network needs at least " + std::to_string(keys.count) +
                             " rotation keys, more than the " + std::to_string(options_.max_rotation_keys) +
                             " allowed: raise --max-rotation-keys");
    }
  }
  for (std::size_t s = 0; s < covers.size(); ++s) {
    const auto none = static_cast<std::uint32_t>(covers[s].size());
    const auto names_none = [&](const auto& term) { return term.diagonal == none || term.partner == none; };
    const auto& terms = out.stages[s].plan.terms;
    if (std::any_of(terms.begin(), terms.end(), names_none)) {
      out.stages[s].diagonals.emplace_back(std::vector<double>{0.0});
    }
  }
  return out;
}

/// Periods for every stage, to be tried: one that holds every tensor, or all slots where copies in the free ones may be
/// of use; then as short as the tensors are that a stage and those after it read and make.
std::vector<std::vector<unsigned>> periods_to_try(const nn::QuadraticNetwork& network, unsigned log_slots) {
  const std::size_t count = network.stages.size();
  if (has_small_maps(network)) return {std::vector<unsigned>(count, log_slots)};  // row placements find the free slots
  constexpr unsigned kLeast = 4;
  const auto bits_of = [](const nn::Shape& shape) {
    unsigned bits = 0;
    for (const std::int64_t extent : shape) bits += index_bits(static_cast<std::size_t>(extent));
    return bits;
  };
  std::vector<unsigned> shortest(count, kLeast);
  for (std::size_t s = count; s-- > 0;) {
    if (s + 1 < count) shortest[s] = shortest[s + 1];
    const nn::Stage& stage = network.stages[s];
    shortest[s] = std::max(shortest[s], bits_of(stage.shape));
    for (const nn::StageTerm& term : stage.terms) {
      shortest[s] =
          std::max(shortest[s], bits_of(term.value == 0 ? network.input_shape : network.stages[term.value - 1].shape));
    }
    shortest[s] = std::min(shortest[s], log_slots);
  }
  const std::vector<unsigned> uniform(count, shortest[0]);
  std::vector<std::vector<unsigned>> all{uniform};
  if (shortest != uniform) all.push_back(shortest);
  return all;
}

}  // namespace

unsigned ring_of(const std::vector<ckks::SmallerRing>& smaller, unsigned level) {
  return static_cast<unsigned>(
      std::count_if(smaller.begin(), smaller.end(), [&](const auto& ring) { return ring.level >= level; }));
}

Layout repeated(const Layout& layout, unsigned log_period, unsigned log_slots) {
  Layout out;
  const std::size_t period = std::size_t{1} << log_period;
  for (std::size_t first = 0; first < layout.element.size(); first += period) {
    for (std::size_t copy = 0; copy < std::size_t{1} << (log_slots - log_period); ++copy) {
      out.element.insert(out.element.end(), layout.element.begin() + static_cast<std::ptrdiff_t>(first),
                         layout.element.begin() + static_cast<std::ptrdiff_t>(first + period));
    }
  }
  return out;
}

Lowered lower(const nn::QuadraticNetwork& network, const LoweringOptions& options) {
  if (network.stages.empty()) throw UnsupportedModel("the network has no layer");
  std::optional<Lowered> best;
  std::exception_ptr refusal;
  for (auto& periods : periods_to_try(network, options.log_slots)) {
    try {
      Lowered lowered = Search(network, options, std::move(periods)).run();
      if (!best || lowered.cost < best->cost) best = std::move(lowered);
    } catch (const UnsupportedModel&) {
      if (!refusal) refusal = std::current_exception();
    }
  }
  if (!best) std::rethrow_exception(refusal);
  return *std::move(best);
}

}  // namespace blindsight::compiler
