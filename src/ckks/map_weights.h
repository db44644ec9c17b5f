// Weights of a linear map, encoded: transforms of subring elements. Of one with real slots half, which the other half
// mirrors; of a pair of diagonals all.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "blindsight/ckks/encoder.h"
#include "blindsight/ckks/linear_map.h"
#include "blindsight/ckks/map_schedule.h"

namespace blindsight::ckks {

/// The coefficients of some weights, two real ones to a polynomial: what is the same for every limb.
class WeightCoefficients {
 public:
  /// Encodes in parallel. `ids` index schedule.weights. Throws as Encoder::coefficients and require_fits.
  WeightCoefficients(const Encoder& encoder, const MapSchedule& schedule, std::span<const Diagonal> diagonals,
                     std::span<const double> weight_scale, unsigned level, std::span<const std::uint32_t> ids);
  /// Each writes one limb of one weight or two.
  std::size_t transforms() const { return pairs_.size(); }
  /// out[i] is for ids[i], as many words as the schedule says; null: not wanted.
  void transform(std::size_t index, std::span<std::uint64_t* const> out, const ring::NttTables& tables) const;

 private:
  struct Pair {
    Coefficients coefficients;
    std::size_t first, second;  ///< positions in ids; the same where the weight has no partner
  };
  std::vector<Pair> pairs_;
  bool complex_;  ///< a transform is one weight's
};

/// Every limb of every weight.
class CachedWeights {
 public:
  CachedWeights(const Encoder& encoder, const MapSchedule& schedule, std::span<const Diagonal> diagonals,
                std::span<const double> weight_scale, unsigned level);
  const std::uint64_t* words(std::uint32_t weight, std::size_t limb) const {
    return words_.data() + entries_[weight].first + limb * entries_[weight].size;
  }

 private:
  struct Entry {
    std::size_t first = 0, size = 0;
  };
  std::vector<Entry> entries_;
  ring::AlignedVector<std::uint64_t> words_;  // in one block: small ones would be rounded up to whole pages
};

}  // namespace blindsight::ckks
