#include "blindsight/compiler/split.h"

#include <algorithm>
#include <bit>
#include <map>
#include <numeric>
#include <optional>
#include <tuple>
#include <utility>

namespace blindsight::compiler {

namespace {

using Term = ckks::LinearMapPlan::Term;
constexpr std::size_t kShortList = 160;
/// Pairs with more products than that many of the diagonals are not looked at.
constexpr double kMostInPairs = 0.75;

int cyclic(int k, int n) { return ((k % n) + n) % n; }
/// `cyclic` of a power of two, for the searches.
int masked(int k, int n) { return k & (n - 1); }

/// A step to be split, and what it is for.
struct Step {
  std::uint32_t input, output;
  int rotation;
  bool exact = false;  ///< else any that differs from it by a multiple of the splitter's slots
};

/// Different numbers below a bound, emptied at no cost.
class Numbers {
 public:
  explicit Numbers(std::size_t bound) : seen_(bound, 0) {}
  void clear() {
    ++now_;
    all_.clear();
  }
  void insert(std::size_t number) {
    if (std::exchange(seen_[number], now_) != now_) all_.push_back(number);
  }
  const std::vector<std::size_t>& all() const { return all_; }
  void sort() { std::sort(all_.begin(), all_.end()); }

 private:
  std::vector<std::uint32_t> seen_;
  std::uint32_t now_ = 1;
  std::vector<std::size_t> all_;
};

/// Baby and giant of every rotation, by one rule, modulo `slots`, which divides the `period` of all rotations; both are
/// powers of two.
class Splitter {
 public:
  Splitter(const std::vector<Step>& rotations, int slots, int period, const LevelCost& price, const KeyPrice& keys)
      : rotations_(rotations),
        slots_(slots),
        period_(period),
        price_(price),
        keys_(keys),
        giants_(rotations.size()),
        babies_of_inputs_(room(&Step::input)),
        giants_of_outputs_(room(&Step::output)),
        steps_(static_cast<std::size_t>(period)),
        key_rotations_(static_cast<std::size_t>(period)) {}

  void consider_all() {
    consider([](int) { return 0; });
    // Giants are what bits [low, high) say of k, rounded down or to the nearest; the rest is baby.
    for (int low = 1; low < slots_; low *= 2) {
      for (int high = 2 * low; high <= slots_; high *= 2) {
        for (const int round : {0, low / 2}) {
          consider([&](int k) { return (k + round) & (high - low); });
        }
      }
    }
    if (rotations_.size() > kShortList) return;
    int step = slots_;
    for (const Step& r : rotations_) step = std::gcd(step, r.rotation);
    for (int modulus = step; modulus < slots_ && modulus < 64 * step; modulus += step) {
      consider([&](int k) { return k / modulus * modulus; });
      consider([&](int k) {
        const int centred = k >= slots_ / 2 ? k - slots_ : k;
        return centred - cyclic(centred, modulus);
      });
    }
  }

  double cost() const { return best_cost_; }
  /// Diagonals are indices of the rotations.
  std::vector<Term> best() const {
    std::vector<Term> out;
    for (std::size_t i = 0; i < rotations_.size(); ++i) {
      const Step& step = rotations_[i];
      out.push_back({.input = step.input,
                     .output = step.output,
                     .baby = shorter(masked(step.rotation - best_[i], slots_)),
                     .giant = best_[i],
                     .diagonal = static_cast<std::uint32_t>(i)});
    }
    std::sort(out.begin(), out.end(), [](const Term& a, const Term& b) {
      return std::tie(a.output, a.giant, a.input, a.baby) < std::tie(b.output, b.giant, b.input, b.baby);
    });
    return out;
  }

 private:
  std::size_t room(std::uint32_t Step::*end) const {
    std::size_t count = 1;
    for (const Step& r : rotations_) count = std::max<std::size_t>(count, r.*end + std::size_t{1});
    return count * static_cast<std::size_t>(period_);
  }
  int shorter(int baby) const { return baby > slots_ / 2 ? baby - slots_ : baby; }

  template <typename Giant>
  void consider(Giant&& giant_of) {
    babies_of_inputs_.clear();
    giants_of_outputs_.clear();
    const auto room = static_cast<std::size_t>(period_);
    for (std::size_t i = 0; i < rotations_.size(); ++i) {
      const auto& [input, output, k, exact] = rotations_[i];
      giants_[i] = masked(giant_of(masked(k, slots_)), slots_);
      const int baby = masked(k - giants_[i], slots_);
      if (exact) giants_[i] = masked(k - shorter(baby), period_);
      if (baby != 0) babies_of_inputs_.insert(input * room + static_cast<std::size_t>(baby));
      giants_of_outputs_.insert(output * room + static_cast<std::size_t>(giants_[i]));
    }
    const double cost = cost_of();
    if (best_.empty() || cost < best_cost_) {
      best_ = giants_;
      best_cost_ = cost;
    }
  }

  double cost_of() {
    const auto room = static_cast<std::size_t>(period_);
    KeySwitchCount count;
    count.babies = babies_of_inputs_.all().size();
    giants_of_outputs_.sort();
    steps_.clear();
    std::size_t before = 0;
    for (const std::size_t giant : giants_of_outputs_.all()) {
      const bool same_output = giant / room == before / room;
      const std::size_t step = same_output ? giant - before : giant % room;
      before = giant;
      if (step == 0) continue;
      ++count.giants;
      steps_.insert(step);
    }
    inputs_.clear();
    for (const std::size_t baby : babies_of_inputs_.all()) inputs_.insert(baby / room);
    count.hoisted_inputs = inputs_.size();
    double cost = map_cost(price_, count, rotations_.size(), 1);
    if (keys_.each > 0) {
      key_rotations_.clear();
      for (const std::size_t baby : babies_of_inputs_.all()) {
        const int signed_baby = shorter(static_cast<int>(baby % room));
        key_rotations_.insert(static_cast<std::size_t>(masked(signed_baby, period_)));
      }
      for (const std::size_t step : steps_.all()) key_rotations_.insert(step);
      for (const std::size_t k : key_rotations_.all()) {
        cost += keys_.present.contains(static_cast<int>(k)) ? 0 : keys_.each;
      }
    }
    return cost;
  }

  const std::vector<Step>& rotations_;
  int slots_, period_;
  const LevelCost& price_;
  const KeyPrice& keys_;
  std::vector<int> giants_, best_;  // by rotation
  double best_cost_ = 0;
  Numbers babies_of_inputs_, giants_of_outputs_;  // times the slots
  Numbers steps_, key_rotations_;
  std::set<std::size_t> inputs_;
};

/// Diagonals of one input and output whose rotations differ by what pairs do; or one of them.
struct DiagonalPair {
  std::optional<std::uint32_t> lower, upper;
};

/// Diagonals in pairs, as far as there are partners.
class Pairing {
 public:
  /// Of inputs that repeat with period 2·half; those of others stay alone.
  Pairing(std::span<const CoveringDiagonal> diagonals, std::span<const SplitInput> inputs, int half) : half_(half) {
    std::map<std::tuple<std::uint32_t, std::uint32_t, int>, std::size_t> known;
    for (std::uint32_t i = 0; i < diagonals.size(); ++i) {
      const CoveringDiagonal& d = diagonals[i];
      outputs_.insert(d.output);
      const int k = static_cast<int>(d.rotation) % (2 * half);
      if (inputs[d.input].period == 2 * static_cast<std::size_t>(half)) {
        const auto [at, fresh] = known.try_emplace({d.output, d.input, k % half}, steps_.size());
        if (fresh) add({d.input, d.output, k % half}, inputs[d.input].weight);
        DiagonalPair& pair = pairs_[at->second];
        auto& place = k < half ? pair.lower : pair.upper;
        if (!std::exchange(place, place.value_or(i)).has_value()) continue;  // else the rotation is another's already
      }
      add({d.input, d.output, static_cast<int>(d.rotation), true}, inputs[d.input].weight);
      pairs_.back().lower = i;
    }
  }

  /// Of diagonals whose rotations, below `period`, differ by any `distance`: from the lowest on, each with the next.
  Pairing(std::span<const CoveringDiagonal> diagonals, std::span<const SplitInput> inputs, int period, int distance)
      : half_(period / 2) {
    std::map<std::tuple<std::uint32_t, std::uint32_t, int>, std::uint32_t> known;
    for (std::uint32_t i = 0; i < diagonals.size(); ++i) {
      const CoveringDiagonal& d = diagonals[i];
      outputs_.insert(d.output);
      known.emplace(std::tuple{d.output, d.input, static_cast<int>(d.rotation)}, i);
    }
    while (!known.empty()) {
      const auto [output, input, k] = known.begin()->first;
      add({input, output, k, true}, inputs[input].weight);
      pairs_.back().lower = known.begin()->second;
      known.erase(known.begin());
      const auto partner = known.find({output, input, (k + distance) % period});
      if (partner == known.end()) continue;
      pairs_.back().upper = partner->second;
      known.erase(partner);
    }
  }

  const std::vector<Step>& steps() const { return steps_; }
  double weights() const { return weights_; }
  std::size_t outputs() const { return outputs_.size(); }

  /// Names diagonals and partners in the terms of a splitter; `none` stands for zeros.
  void name(std::vector<Term>& terms, std::uint32_t none) const {
    for (Term& term : terms) {
      const Step& step = steps_[term.diagonal];
      const auto& [lower, upper] = pairs_[term.diagonal];
      const bool straight = step.exact || cyclic(term.baby + term.giant, 2 * half_) == step.rotation;
      term.diagonal = (straight ? lower : upper).value_or(none);
      term.partner = (straight ? upper : lower).value_or(none);
    }
  }

 private:
  void add(const Step& step, double weight) {
    steps_.push_back(step);
    pairs_.emplace_back();
    weights_ += 2 * weight;
  }

  int half_;
  std::vector<Step> steps_;
  std::vector<DiagonalPair> pairs_;  // by step
  std::set<std::uint32_t> outputs_;
  double weights_ = 0;
};

}  // namespace

Split split_rotations(std::span<const CoveringDiagonal> diagonals, std::size_t slots,
                      std::span<const SplitInput> inputs, const LevelCost& price, const KeyPrice& keys, bool pairs) {
  const int period = static_cast<int>(slots);
  Split best;
  std::vector<Step> steps;
  for (const CoveringDiagonal& d : diagonals) {
    steps.push_back({d.input, d.output, static_cast<int>(d.rotation)});
    best.weights += inputs[d.input].weight;
  }
  Splitter single(steps, period, period, price, keys);
  single.consider_all();
  best.terms = single.best();
  if (!pairs) return best;
  double best_cost = single.cost() + best.weights;

  const auto is_worth_it = [&](const Pairing& pairing) {
    return static_cast<double>(pairing.steps().size()) <= kMostInPairs * static_cast<double>(diagonals.size());
  };
  const auto consider = [&](const Pairing& pairing, int distance, int split_slots) {
    Splitter splitter(pairing.steps(), split_slots, period, price, keys);
    splitter.consider_all();
    const double cost = splitter.cost() + pairing.weights() + static_cast<double>(inputs.size()) * price.rotate +
                        static_cast<double>(pairing.outputs()) * price.giant +
                        keys.each * ((keys.present.contains(distance) ? 0 : 1) + (keys.conjugation ? 0 : 1));
    if (cost >= best_cost) return;
    best = {splitter.best(), distance, pairing.weights()};
    best_cost = cost;
    pairing.name(best.terms, static_cast<std::uint32_t>(diagonals.size()));
  };
  bool halved = false;
  std::set<int> halves;
  for (const SplitInput& input : inputs) halves.insert(static_cast<int>(input.period / 2));
  halves.erase(0);
  for (const int half : halves) {
    const Pairing pairing(diagonals, inputs, half);
    if (!is_worth_it(pairing)) continue;
    halved = true;
    consider(pairing, half, half);
  }
  if (halved) return best;
  // Rotations in short runs, as convolutions with channels innermost have them: the closest ones that pair most.
  std::optional<Pairing> most;
  int distance = 0;
  for (int apart = 1; apart < period / 2; apart *= 2) {
    Pairing pairing(diagonals, inputs, period, apart);
    if (!is_worth_it(pairing) || (most && pairing.steps().size() >= most->steps().size())) continue;
    most = std::move(pairing);
    distance = apart;
  }
  if (most) consider(*most, distance, period);
  return best;
}

}  // namespace blindsight::compiler
