#include "blindsight/ckks/map_weights.h"

#include <algorithm>
#include <numeric>

#include "blindsight/base/parallel.h"
#include "blindsight/ring/kernels.h"

namespace blindsight::ckks {

namespace {

/// A pair's coefficients must still be such as kernels reduce.
constexpr double kMostInAPair = 0x1p48 - 1;

std::vector<double> rotated_right(const Diagonal& diagonal, std::size_t shift) {
  std::vector<double> values(diagonal.period());
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = diagonal[i - shift];  // wraps to a slot of the same value
  return values;
}

}  // namespace

std::size_t weight_words(std::size_t period) { return std::max<std::size_t>(period, 8); }

WeightCoefficients::WeightCoefficients(const Encoder& encoder, const MapSchedule& schedule,
                                       std::span<const Diagonal> diagonals, std::span<const double> weight_scale,
                                       unsigned level, std::span<const std::uint32_t> ids) {
  // Neighbours in this order share a transform: of one size, and modulo P both or neither.
  std::vector<std::size_t> order(ids.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  const auto kind = [&](std::size_t i) {
    return std::pair(weight_words(diagonals[schedule.weights[ids[i]].diagonal].period()),
                     schedule.weight_special[ids[i]]);
  };
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return kind(a) < kind(b); });

  std::vector<std::pair<std::size_t, std::size_t>> pairs;
  for (std::size_t i = 0; i < order.size();) {
    const bool partner = i + 1 < order.size() && kind(order[i]) == kind(order[i + 1]);
    pairs.emplace_back(order[i], order[partner ? i + 1 : i]);
    i += partner ? 2 : 1;
  }
  const auto scale_of = [&](std::size_t i) { return weight_scale[schedule.weights[ids[i]].input]; };
  const auto values_of = [&](std::size_t i) {
    const Weight& weight = schedule.weights[ids[i]];
    return rotated_right(diagonals[weight.diagonal], weight.shift);
  };
  const auto encode = [&](std::size_t i) {
    Coefficients coefficients = encoder.coefficients(values_of(i), scale_of(i));
    encoder.require_fits(coefficients, scale_of(i), level);
    return coefficients;
  };
  // A pair's coefficients may be twice as large as a weight's, so the cautious answer is to look at each by itself.
  const auto encode_pair = [&](std::size_t i, std::size_t j) {
    auto both = encoder.pair(values_of(i), scale_of(i), values_of(j), scale_of(j));
    if (both && !encoder.fits(*both, level)) both.reset();
    return both;
  };
  std::vector<std::vector<Pair>> made(pairs.size());
  parallel_for(pairs.size(), [&](std::size_t p) {
    const auto [first, second] = pairs[p];
    if (first != second) {
      if (auto both = encode_pair(first, second)) {
        made[p].push_back({std::move(*both), first, second});
        return;
      }
    }
    Coefficients f = encode(first);
    if (first == second) {
      made[p].push_back({std::move(f), first, first});
      return;
    }
    Coefficients g = encode(second);
    if (f.largest() + g.largest() < kMostInAPair) {
      made[p].push_back({Coefficients::pair(f, g), first, second});
    } else {
      made[p].push_back({std::move(f), first, first});
      made[p].push_back({std::move(g), second, second});
    }
  });
  for (auto& some : made) std::move(some.begin(), some.end(), std::back_inserter(pairs_));
  for (const Pair& pair : pairs_) largest_ = std::max(largest_, pair.coefficients.size());
}

void WeightCoefficients::transform(std::span<std::uint64_t* const> out, const ring::NttTables& tables) const {
  ring::AlignedVector<std::uint64_t> words(largest_);
  for (const Pair& pair : pairs_) {
    if (out[pair.first] == nullptr) continue;
    pair.coefficients.transform(words.data(), tables);
    if (pair.first == pair.second) {
      std::copy_n(words.data(), pair.coefficients.size() / 2, out[pair.first]);
    } else {
      ring::kernels().split_symmetric(out[pair.first], out[pair.second], words.data(), pair.coefficients.size(),
                                      tables);
    }
  }
}

CachedWeights::CachedWeights(const Encoder& encoder, const MapSchedule& schedule, std::span<const Diagonal> diagonals,
                             std::span<const double> weight_scale, unsigned level)
    : entries_(schedule.weights.size()) {
  constexpr std::size_t kTogether = 64;  // weights whose coefficients are there at the same time
  const ring::Basis& basis = *encoder.context()->extended_basis(level);
  constexpr std::size_t kAlignment = 8;  // words
  constexpr std::size_t kGap = 72;       // words: without it, limbs of all weights would share a few sets of the caches
  std::size_t total = 0;
  for (std::size_t id = 0; id < entries_.size(); ++id) {
    const std::size_t size = weight_words(diagonals[schedule.weights[id].diagonal].period());
    const std::size_t limbs = schedule.weight_special[id] ? basis.size() : level + 1;
    entries_[id] = {total, size};
    total += (size * limbs + kAlignment - 1) / kAlignment * kAlignment + kGap;
  }
  words_.resize(total);
  for (std::size_t start = 0; start < entries_.size(); start += kTogether) {
    std::vector<std::uint32_t> ids(std::min(kTogether, entries_.size() - start));
    std::iota(ids.begin(), ids.end(), static_cast<std::uint32_t>(start));
    const WeightCoefficients coefficients(encoder, schedule, diagonals, weight_scale, level, ids);
    parallel_for(basis.size(), [&](std::size_t l) {
      std::vector<std::uint64_t*> out(ids.size(), nullptr);
      for (std::size_t i = 0; i < ids.size(); ++i) {
        if (l <= level || schedule.weight_special[ids[i]])
          out[i] = words_.data() + entries_[ids[i]].first + l * entries_[ids[i]].size;
      }
      coefficients.transform(out, basis.tables(l));
    });
  }
}

}  // namespace blindsight::ckks
