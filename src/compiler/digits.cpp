#include "blindsight/compiler/digits.h"

#include <algorithm>
#include <bit>
#include <limits>
#include <map>
#include <utility>
#include <vector>

#include "blindsight/base/bytes.h"
#include "blindsight/ckks/map_schedule.h"
#include "blindsight/ckks/serialise.h"
#include "blindsight/compiler/cost.h"

namespace blindsight::compiler {

namespace {

std::vector<unsigned> widths(const std::vector<std::uint64_t>& primes) {
  std::vector<unsigned> bits;
  for (const std::uint64_t prime : primes) bits.push_back(static_cast<unsigned>(std::bit_width(prime)));
  return bits;
}

class DigitSearch {
 public:
  DigitSearch(const Program& program, std::size_t key_budget, bool cached)
      : log_n_(program.parameters.log_n),
        q_bits_(widths(program.parameters.q)),
        p_bits_(static_cast<unsigned>(std::bit_width(program.parameters.p[0]))),
        cached_(cached),
        start_(program.parameters.q.size(), static_cast<unsigned>(program.parameters.p.size())) {
    unsigned used = 0;
    for (const unsigned bits : q_bits_) used += bits;
    const auto room = static_cast<unsigned>(ckks::max_log_qp(log_n_)) - used;
    most_ = std::min(
        {room / p_bits_, static_cast<unsigned>(q_bits_.size()), static_cast<unsigned>(ckks::kMaxSpecialLimbs)});
    most_ = std::max(most_, start_[0]);
    for (const Op& op : program.ops) {
      if (op.ring == 0) add(program, op);
    }
    const std::size_t all = ckks::evaluation_key_bytes(*ckks::Context::create(program.parameters), program.keys);
    limit_ = std::max(key_budget, all) - (all - key_bytes(start_));
  }

  /// By level.
  std::vector<unsigned> run() const {
    std::vector<unsigned> best = start_;
    double least = price(best);
    if (costs_.empty()) return best;
    const unsigned lowest = costs_.begin()->first, highest = costs_.rbegin()->first;
    for (bool found = true; std::exchange(found, false);) {
      for (unsigned first = lowest; first <= highest; ++first) {
        for (unsigned last = first; last <= highest; ++last) {
          for (unsigned special = 1; special <= most_; ++special) {
            std::vector<unsigned> tried = best;
            std::fill(tried.begin() + first, tried.begin() + last + 1, special);
            const double cost = price(tried);
            if (cost >= least) continue;
            least = cost;
            best = std::move(tried);
            found = true;
          }
        }
      }
    }
    // Levels that switch no keys ask for no prime of their own.
    std::fill(best.begin(), best.begin() + lowest, best[lowest]);
    std::fill(best.begin() + highest + 1, best.end(), best[highest]);
    return best;
  }

 private:
  /// What memory is worth: transforms of a limb for as many bytes.
  static constexpr double kMemory = 1.0;
  static constexpr int kRelinearisation = std::numeric_limits<int>::max(), kConjugation = kRelinearisation - 1;

  void add(const Program& program, const Op& op) {
    std::vector<int> keys;
    const Map* map = nullptr;
    if (op.kind == OpKind::kSquare) {
      keys.push_back(kRelinearisation);
    } else if (op.kind == OpKind::kLinearMap) {
      map = &program.maps[op.operand];
      keys = ckks::rotations_of(map->plan, static_cast<std::uint32_t>(program.slots(0)));
      if (map->plan.paired != 0) keys.push_back(kConjugation);
    } else {
      return;
    }
    std::vector<double>& costs = costs_[op.level];
    costs.resize(most_ + 1);
    for (unsigned special = 1; special <= most_; ++special) {
      const LevelCost cost(op.level, special, log_n_, log_n_);
      costs[special] += map == nullptr ? cost.square + cost.relinearise : cost_of(*map, cost, op.level + 1 + special);
    }
    uses_.emplace_back(op.level, std::move(keys));
  }

  double cost_of(const Map& map, const LevelCost& cost, unsigned limbs) const {
    double sum = map_cost(cost, count_key_switches(map.plan), map.plan.terms.size(), map.plan.outputs), words = 0;
    for (const auto& term : map.plan.terms) {
      const std::size_t period = map.diagonals[term.diagonal].period();
      sum += cached_ ? cost.weight(period) : cost.encode(period);
      words += ckks::words_of_weight(period, map.plan.paired != 0);
    }
    return cached_ ? sum + kMemory * limbs * words / static_cast<double>(std::size_t{1} << log_n_) : sum;
  }

  /// Of the packed keys of the largest ring.
  std::size_t key_bytes(const std::vector<unsigned>& special) const {
    std::map<std::pair<int, unsigned>, unsigned> levels;
    for (const auto& [level, keys] : uses_) {
      for (const int key : keys) {
        unsigned& highest = levels[{key, special[level]}];
        highest = std::max(highest, level);
      }
    }
    std::size_t bytes = 0;
    for (const auto& [key, level] : levels) {
      const unsigned digits = (level + key.second) / key.second;
      std::size_t one = key.second * packed_size(std::size_t{1} << log_n_, p_bits_);
      for (unsigned l = 0; l <= level; ++l) one += packed_size(std::size_t{1} << log_n_, q_bits_[l]);
      bytes += digits * one;
    }
    return bytes;
  }

  double price(const std::vector<unsigned>& special) const {
    const std::size_t bytes = key_bytes(special);
    if (bytes > limit_) return std::numeric_limits<double>::infinity();
    double sum = kMemory * static_cast<double>(bytes) /
                 static_cast<double>(packed_size(std::size_t{1} << log_n_, ring::kMaxPrimeBits));
    for (const auto& [level, costs] : costs_) sum += costs[special[level]];
    return sum;
  }

  unsigned log_n_;
  std::vector<unsigned> q_bits_;
  unsigned p_bits_;
  bool cached_;
  std::vector<unsigned> start_;
  unsigned most_ = 0;
  std::size_t limit_ = 0;                                    // of the largest ring's keys
  std::map<unsigned, std::vector<double>> costs_;            // by level, then special primes
  std::vector<std::pair<unsigned, std::vector<int>>> uses_;  // of keys, by level
};

}  // namespace

void choose_digits(Program& program, std::size_t key_budget, bool cached) {
  ckks::ParametersLiteral& parameters = program.parameters;
  const auto q_bits = widths(parameters.q), p_bits = widths(parameters.p);
  // A digit wider than its special primes adds noise, which the widths were not chosen for.
  if (*std::max_element(q_bits.begin(), q_bits.end()) > *std::min_element(p_bits.begin(), p_bits.end())) return;
  std::vector<unsigned> special = DigitSearch(program, key_budget, cached).run();
  unsigned primes = *std::max_element(special.begin(), special.end());
  for (const ckks::SmallerRing& ring : parameters.smaller) primes = std::max(primes, ring.special_limbs);
  const auto smaller = std::move(parameters.smaller);
  parameters = ckks::ParametersLiteral::from_bits(parameters.log_n, q_bits, std::vector(primes, p_bits[0]));
  parameters.smaller = smaller;
  if (std::any_of(special.begin(), special.end(), [&](unsigned limbs) { return limbs != primes; })) {
    parameters.special_limbs = std::move(special);
  }
  program.keys = required_keys(program);
  validate(program);
}

}  // namespace blindsight::compiler
