#include "blindsight/compiler/split.h"

#include <algorithm>
#include <bit>
#include <map>
#include <numeric>
#include <optional>
#include <tuple>

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

/// Baby and giant of every rotation, by one rule, modulo `slots`. Keys are for rotations modulo `period`.
class Splitter {
 public:
  Splitter(const std::vector<Step>& rotations, int slots, int period, const LevelCost& price, const KeyPrice& keys)
      : rotations_(rotations), slots_(slots), period_(period), price_(price), keys_(keys) {}

  template <typename Giant>
  void consider(Giant&& giant_of) {
    terms_.clear();
    for (std::size_t i = 0; i < rotations_.size(); ++i) {
      const auto& [input, output, k] = rotations_[i];
      const int giant = cyclic(giant_of(k), slots_);
      terms_.push_back({input, output, cyclic(k - giant, slots_), giant, static_cast<std::uint32_t>(i)});
    }
    const double cost = cost_of();
    if (best_.empty() || cost < best_cost_) {
      best_ = terms_;
      best_cost_ = cost;
    }
  }

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
    std::vector<Term> out = best_;
    for (Term& term : out) term.baby = shorter(term.baby);
    std::sort(out.begin(), out.end(), [](const Term& a, const Term& b) {
      return std::tie(a.output, a.giant, a.input, a.baby) < std::tie(b.output, b.giant, b.input, b.baby);
    });
    return out;
  }

 private:
  int shorter(int baby) const { return baby > slots_ / 2 ? baby - slots_ : baby; }

  double cost_of() {
    babies_.clear();
    giants_.clear();
    all_.clear();
    for (const Term& term : terms_) {
      if (term.baby != 0) babies_.push_back(std::uint64_t{term.input} << 32 | static_cast<std::uint32_t>(term.baby));
      giants_.push_back(std::uint64_t{term.output} << 32 | static_cast<std::uint32_t>(term.giant));
    }
    KeySwitchCount count;
    count.babies = distinct(babies_);
    distinct(giants_);
    steps_.clear();
    for (std::size_t i = 0; i < giants_.size(); ++i) {
      const bool same_output = i > 0 && giants_[i] >> 32 == giants_[i - 1] >> 32;
      const std::uint64_t step = same_output ? giants_[i] - giants_[i - 1] : giants_[i] & 0xffffffff;
      if (step == 0) continue;
      ++count.giants;
      steps_.push_back(step);
    }
    count.steps = distinct(steps_);
    std::uint64_t last = ~std::uint64_t{0};
    for (const std::uint64_t b : babies_) {
      if (b >> 32 != last) ++count.hoisted_inputs;
      last = b >> 32;
    }
    double cost = map_cost(price_, count, terms_.size(), 1);
    if (keys_.each > 0) {
      for (const std::uint64_t k : babies_) {
        all_.push_back(static_cast<std::uint64_t>(cyclic(shorter(static_cast<int>(k & 0xffffffff)), period_)));
      }
      for (const std::uint64_t k : steps_) all_.push_back(k);
      distinct(all_);
      for (const std::uint64_t k : all_) cost += keys_.present.contains(static_cast<int>(k)) ? 0 : keys_.each;
    }
    return cost;
  }

  static std::size_t distinct(std::vector<std::uint64_t>& values) {
    std::sort(values.begin(), values.end());
    values.erase(std::unique(values.begin(), values.end()), values.end());
    return values.size();
  }

  const std::vector<Step>& rotations_;
  int slots_, period_;
  const LevelCost& price_;
  const KeyPrice& keys_;
  std::vector<Term> terms_, best_;
  double best_cost_ = 0;
  std::vector<std::uint64_t> babies_, giants_, steps_, all_;
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
