#include "blindsight/ckks/map_weights.h"

#include <algorithm>
#include <iterator>
#include <numeric>
#include <optional>
#include <utility>

#include "blindsight/base/parallel.h"
#include "blindsight/ring/kernels.h"

namespace blindsight::ckks {

namespace {

/// A pair's coefficients must still be such as kernels reduce.
constexpr double kMostInAPair = 0x1p48 - 1;

/// Of `period` slots, each times `factor`.
std::vector<double> rotated_right(const Diagonal& diagonal, std::size_t shift, std::size_t period, double factor = 1) {
  std::vector<double> values(period);
  for (std::size_t i = 0; i < period; ++i)
    values[i] = diagonal[i - shift] * factor;  // wraps to a slot of the same value
  return values;
}

Coefficients encode(const Encoder& encoder, const std::vector<double>& values, double scale, unsigned level) {
  Coefficients coefficients = encoder.coefficients(values, scale);
  encoder.require_fits(coefficients, scale, level);
  return coefficients;
}

/// F + Y^(size/2)·G at once; nullopt where that can't be had. Its coefficients may be twice as large as those of each,
/// so the cautious answer is to look at each by itself.
std::optional<Coefficients> encode_pair(const Encoder& encoder, const std::vector<double>& f, double f_scale,
                                        const std::vector<double>& g, double g_scale, unsigned level) {
  auto both = encoder.pair(f, f_scale, g, g_scale);
  if (both && !encoder.fits(*both, level)) both.reset();
  return both;
}

/// Positions in ids of weights that share a transform: of one size, modulo P both or neither. One alone twice.
std::vector<std::pair<std::size_t, std::size_t>> neighbours(const MapSchedule& schedule,
                                                            std::span<const std::uint32_t> ids) {
  std::vector<std::size_t> order(ids.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  const auto kind = [&](std::size_t i) {
    return std::pair(schedule.weight_words[ids[i]], schedule.weight_special[ids[i]]);
  };
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return kind(a) < kind(b); });
  std::vector<std::pair<std::size_t, std::size_t>> pairs;
  for (std::size_t i = 0; i < order.size();) {
    const bool partner = i + 1 < order.size() && kind(order[i]) == kind(order[i + 1]);
    pairs.emplace_back(order[i], order[partner ? i + 1 : i]);
    i += partner ? 2 : 1;
  }
  return pairs;
}

}  // namespace

WeightCoefficients::WeightCoefficients(const Encoder& encoder, const MapSchedule& schedule,
                                       std::span<const Diagonal> diagonals, std::span<const double> weight_scale,
                                       unsigned level, std::span<const std::uint32_t> ids)
    : complex_(schedule.paired != 0) {
  const auto weight = [&](std::size_t i) -> const Weight& { return schedule.weights[ids[i]]; };
  if (complex_) {
    pairs_.resize(ids.size());
    parallel_for(ids.size(), [&](std::size_t i) {
      const Weight& w = weight(i);
      const Diagonal &diagonal = diagonals[w.diagonal], &partner = diagonals[w.partner];
      const std::size_t period = std::max(diagonal.period(), partner.period());
      const auto f = rotated_right(diagonal, w.shift, period);
      const auto g = rotated_right(partner, w.partner_shift, period, w.odd ? -1 : 1);
      const double scale = weight_scale[w.input] / 2;  // the result's conjugate is added to it
      auto both = encode_pair(encoder, f, scale, g, scale, level);
      if (!both) both = Coefficients::pair(encode(encoder, f, scale, level), encode(encoder, g, scale, level));
      pairs_[i] = {*std::move(both), i, i};
    });
  } else {
    const auto scale_of = [&](std::size_t i) { return weight_scale[weight(i).input]; };
    const auto values_of = [&](std::size_t i) {
      const Diagonal& diagonal = diagonals[weight(i).diagonal];
      return rotated_right(diagonal, weight(i).shift, diagonal.period());
    };
    const auto pairs = neighbours(schedule, ids);
    std::vector<std::vector<Pair>> made(pairs.size());
    parallel_for(pairs.size(), [&](std::size_t p) {
      const auto [first, second] = pairs[p];
      if (first != second) {
        if (auto both =
                encode_pair(encoder, values_of(first), scale_of(first), values_of(second), scale_of(second), level)) {
          made[p].push_back({*std::move(both), first, second});
          return;
        }
      }
      Coefficients f = encode(encoder, values_of(first), scale_of(first), level);
      if (first == second) {
        made[p].push_back({std::move(f), first, first});
        return;
      }
      Coefficients g = encode(encoder, values_of(second), scale_of(second), level);
      if (f.largest() + g.largest() < kMostInAPair) {
        made[p].push_back({Coefficients::pair(f, g), first, second});
      } else {
        made[p].push_back({std::move(f), first, first});
        made[p].push_back({std::move(g), second, second});
      }
    });
    for (auto& some : made) std::move(some.begin(), some.end(), std::back_inserter(pairs_));
  }
}

void WeightCoefficients::transform(std::size_t index, std::span<std::uint64_t* const> out,
                                   const ring::NttTables& tables) const {
  const Pair& pair = pairs_[index];
  if (out[pair.first] == nullptr) return;
  if (complex_) {
    pair.coefficients.transform(out[pair.first], tables);
    return;
  }
  ring::AlignedVector<std::uint64_t> words(pair.coefficients.size());
  pair.coefficients.transform(words.data(), tables);
  if (pair.first == pair.second) {
    std::copy_n(words.data(), pair.coefficients.size() / 2, out[pair.first]);
  } else {
    ring::kernels().split_symmetric(out[pair.first], out[pair.second], words.data(), pair.coefficients.size(), tables);
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
    const std::size_t size = schedule.weight_words[id];
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
      for (std::size_t i = 0; i < coefficients.transforms(); ++i) coefficients.transform(i, out, basis.tables(l));
    });
  }
}

}  // namespace blindsight::ckks
