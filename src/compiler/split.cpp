#include "blindsight/compiler/split.h"

#include <algorithm>
#include <bit>
#include <numeric>
#include <tuple>

namespace blindsight::compiler {

namespace {

using Term = ckks::LinearMapPlan::Term;
constexpr std::size_t kShortList = 160;

/// Baby and giant of every rotation, by one rule.
class Splitter {
 public:
  Splitter(std::span<const CoveringDiagonal> diagonals, std::size_t slots, const LevelCost& price, const KeyPrice& keys)
      : diagonals_(diagonals), slots_(static_cast<int>(slots)), price_(price), keys_(keys) {}

  template <typename Giant>
  void consider(Giant&& giant_of) {
    terms_.clear();
    for (std::size_t i = 0; i < diagonals_.size(); ++i) {
      const auto k = static_cast<int>(diagonals_[i].rotation);
      const int giant = cyclic(giant_of(k));
      terms_.push_back(
          {diagonals_[i].input, diagonals_[i].output, cyclic(k - giant), giant, static_cast<std::uint32_t>(i)});
    }
    const double cost = cost_of();
    if (best_.empty() || cost < best_cost_) {
      best_ = terms_;
      best_cost_ = cost;
    }
  }

  std::vector<Term> best() const {
    std::vector<Term> out = best_;
    for (Term& term : out) {
      if (term.baby > slots_ / 2) term.baby -= slots_;
    }
    std::sort(out.begin(), out.end(), [](const Term& a, const Term& b) {
      return std::tie(a.output, a.giant, a.input, a.baby) < std::tie(b.output, b.giant, b.input, b.baby);
    });
    return out;
  }

 private:
  int cyclic(int k) const { return ((k % slots_) + slots_) % slots_; }

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
      for (const auto* list : {&babies_, &steps_}) {
        for (const std::uint64_t k : *list) all_.push_back(k & 0xffffffff);
      }
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

  std::span<const CoveringDiagonal> diagonals_;
  int slots_;
  const LevelCost& price_;
  const KeyPrice& keys_;
  std::vector<Term> terms_, best_;
  double best_cost_ = 0;
  std::vector<std::uint64_t> babies_, giants_, steps_, all_;
};

}  // namespace

std::vector<Term> split_rotations(std::span<const CoveringDiagonal> diagonals, std::size_t slots,
                                  const LevelCost& price, const KeyPrice& keys) {
  Splitter splitter(diagonals, slots, price, keys);
  const int n = static_cast<int>(slots);
  splitter.consider([](int) { return 0; });
  // Giants are what bits [low, high) say of k, rounded down or to the nearest; the rest is baby.
  for (int low = 1; low < n; low *= 2) {
    for (int high = 2 * low; high <= n; high *= 2) {
      for (const int round : {0, low / 2}) {
        splitter.consider([&](int k) { return ((k + round) / low * low) % high; });
      }
    }
  }
  if (diagonals.size() <= kShortList) {
    int step = n;
    for (const CoveringDiagonal& d : diagonals) step = std::gcd(step, static_cast<int>(d.rotation));
    for (int modulus = step; modulus < n && modulus < 64 * step; modulus += step) {
      splitter.consider([&](int k) { return k / modulus * modulus; });
      splitter.consider([&](int k) {
        const int centred = k >= n / 2 ? k - n : k;
        return centred - ((centred % modulus) + modulus) % modulus;
      });
    }
  }
  return splitter.best();
}

}  // namespace blindsight::compiler
