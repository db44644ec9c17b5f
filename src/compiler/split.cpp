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

int cyclic(int k, int n) { return ((k % n) + n) % n; }

/// A step to be split, and what it is for.
struct Step {
  std::uint32_t input, output;
  int rotation;
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

/// Baby and giant of every rotation, by one rule, modulo `slots`. Keys are for rotations modulo `period`.
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
        steps_(static_cast<std::size_t>(slots)),
        key_rotations_(static_cast<std::size_t>(period)) {}

  void consider_all() {
    consider([](int) { return 0; });
    // Giants are what bits [low, high) say of k, rounded down or to the nearest; the rest is baby.
    for (int low = 1; low < slots_; low *= 2) {
      for (int high = 2 * low; high <= slots_; high *= 2) {
        for (const int round : {0, low / 2}) {
          consider([&](int k) { return ((k + round) / low * low) % high; });
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
      const auto& [input, output, k] = rotations_[i];
      out.push_back({.input = input,
                     .output = output,
                     .baby = shorter(cyclic(k - best_[i], slots_)),
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
    return count * static_cast<std::size_t>(slots_);
  }
  int shorter(int baby) const { return baby > slots_ / 2 ? baby - slots_ : baby; }

  template <typename Giant>
  void consider(Giant&& giant_of) {
    babies_of_inputs_.clear();
    giants_of_outputs_.clear();
    const auto slots = static_cast<std::size_t>(slots_);
    for (std::size_t i = 0; i < rotations_.size(); ++i) {
      const auto& [input, output, k] = rotations_[i];
      giants_[i] = cyclic(giant_of(k), slots_);
      const int baby = cyclic(k - giants_[i], slots_);
      if (baby != 0) babies_of_inputs_.insert(input * slots + static_cast<std::size_t>(baby));
      giants_of_outputs_.insert(output * slots + static_cast<std::size_t>(giants_[i]));
    }
    const double cost = cost_of();
    if (best_.empty() || cost < best_cost_) {
      best_ = giants_;
      best_cost_ = cost;
    }
  }

  double cost_of() {
    const auto slots = static_cast<std::size_t>(slots_);
    KeySwitchCount count;
    count.babies = babies_of_inputs_.all().size();
    giants_of_outputs_.sort();
    steps_.clear();
    std::size_t before = 0;
    for (const std::size_t giant : giants_of_outputs_.all()) {
      const bool same_output = giant / slots == before / slots;
      const std::size_t step = same_output ? giant - before : giant % slots;
      before = giant;
      if (step == 0) continue;
      ++count.giants;
      steps_.insert(step);
    }
    count.steps = steps_.all().size();
    inputs_.clear();
    for (const std::size_t baby : babies_of_inputs_.all()) inputs_.insert(baby / slots);
    count.hoisted_inputs = inputs_.size();
    double cost = map_cost(price_, count, rotations_.size(), 1);
    if (keys_.each > 0) {
      key_rotations_.clear();
      for (const std::size_t baby : babies_of_inputs_.all()) {
        const int signed_baby = shorter(static_cast<int>(baby % slots));
        key_rotations_.insert(static_cast<std::size_t>(cyclic(signed_baby, period_)));
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

/// Diagonals whose rotations differ by half the period, of one input and output; or one of them.
struct DiagonalPair {
  std::optional<std::uint32_t> lower, upper;
};

}  // namespace

Split split_rotations(std::span<const CoveringDiagonal> diagonals, std::size_t slots, const LevelCost& price,
                      double weight, const KeyPrice& keys) {
  const int period = static_cast<int>(slots), half = period / 2;
  std::vector<Step> all;
  std::map<std::tuple<std::uint32_t, std::uint32_t, int>, DiagonalPair> pairs;
  for (std::uint32_t i = 0; i < diagonals.size(); ++i) {
    const auto k = static_cast<int>(diagonals[i].rotation);
    all.push_back({diagonals[i].input, diagonals[i].output, k});
    DiagonalPair& pair = pairs[{diagonals[i].output, diagonals[i].input, half > 0 ? k % half : k}];
    (k < half ? pair.lower : pair.upper) = i;
  }
  Splitter single(all, period, period, price, keys);
  single.consider_all();
  if (4 * pairs.size() > 3 * all.size()) return {single.best(), 0};

  std::vector<Step> lower;
  std::vector<DiagonalPair> parts;
  std::set<std::uint32_t> inputs, outputs;
  for (const auto& [ends, pair] : pairs) {
    const auto& [output, input, k] = ends;
    lower.push_back({input, output, k});
    parts.push_back(pair);
    inputs.insert(input);
    outputs.insert(output);
  }
  Splitter paired(lower, half, period, price, keys);
  paired.consider_all();
  const double more = static_cast<double>(inputs.size()) * price.rotate +
                      static_cast<double>(outputs.size()) * price.conjugate +
                      keys.each * ((keys.present.contains(half) ? 0 : 1) + (keys.conjugation ? 0 : 1));
  const double weights = weight * static_cast<double>(all.size());
  const double weights_in_pairs = weight * static_cast<double>(2 * pairs.size());
  if (single.cost() + weights <= paired.cost() + weights_in_pairs + more) return {single.best(), 0};

  Split split{paired.best(), half};
  const auto none = static_cast<std::uint32_t>(diagonals.size());
  for (Term& term : split.terms) {
    const std::uint32_t i = term.diagonal;
    const bool is_lower = cyclic(term.baby + term.giant, period) == lower[i].rotation;
    const auto& [below, above] = parts[i];
    term.diagonal = (is_lower ? below : above).value_or(none);
    term.partner = (is_lower ? above : below).value_or(none);
  }
  return split;
}

}  // namespace blindsight::compiler
