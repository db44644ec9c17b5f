// What a LinearMapPlan comes to: groups of terms that share a giant step, and the distinct weights among them.
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <set>
#include <span>
#include <vector>

#include "blindsight/ckks/linear_map.h"

namespace blindsight::ckks {

/// A diagonal, rotated right by `shift` within its period, for an input's weight scale. Where diagonals go in pairs,
/// diagonal + η·partner, or diagonal − η·partner where the baby step is odd: η changes its sign with it.
struct Weight {
  std::uint32_t diagonal = 0, shift = 0, input = 0;
  std::uint32_t partner = 0, partner_shift = 0;
  bool odd = false;
  auto operator<=>(const Weight&) const = default;
};

struct MapSchedule {
  /// A ciphertext that is multiplied with weights: an input as it is, or times P over Q_level·P, rotated or not.
  struct Factor {
    std::uint32_t input;
    int baby;  ///< in [0, slots)
    bool extended;
    bool rotated() const { return extended && baby != 0; }  ///< else it is 0 modulo P
  };
  struct Term {
    std::uint32_t factor, weight;
  };
  struct Group {
    std::uint32_t output;
    int step;       ///< in [0, slots): the sum up to here is rotated by that much on its way to the next group
    bool extended;  ///< some term's baby step is a rotation: the inner sum is over Q_level·P, else over Q_level
    std::vector<Term> terms;
  };
  /// By output, then giant step, the largest first: Σ_g rot_g(sum_g) as a Horner scheme, whose steps are the
  /// differences of neighbours, in a grid all the same.
  std::vector<Group> groups;
  std::vector<Factor> factors;  ///< different ones
  std::vector<Weight> weights;
  std::vector<std::uint8_t> weight_special;  ///< by weight: 1 where its limbs modulo P are read
  std::vector<std::uint32_t> weight_words;   ///< by weight: words of a limb
  std::size_t most_words = 0;                ///< of them
  std::vector<std::vector<int>> rounds;      ///< folds, two at a time: f and g as the rotations f, g and f + g
  int paired = 0;                            ///< LinearMapPlan::paired

  /// Whether all weights of a limb are at hand together: cached, or, of paired diagonals, encoded limb by limb.
  bool weights_at_hand(bool cached) const { return cached || paired != 0; }
  /// The groups: all of them, or a few at a time, those whose weights are at hand together.
  std::vector<std::span<const Group>> batches(bool at_hand) const;

  /// Neighbouring groups whose inner sums are made together, because they take nearly the same factors: those that any
  /// of them takes, ascending, one as often as a group has terms of it. Where a group has none, it multiplies by zero.
  struct Tile {
    std::span<const Group> groups;
    std::vector<std::uint32_t> factors;
  };
  std::vector<Tile> tiles(std::span<const Group> batch) const;

  /// Throws InvalidArgument where the plan is not one for these diagonals and slots.
  MapSchedule(const LinearMapPlan& plan, std::span<const Diagonal> diagonals, std::uint32_t slots);
};

/// Words of a limb of a weight of that period. A pair's transform does not read the same from both ends.
std::uint32_t words_of_weight(std::size_t period, bool paired);

/// The steps between giant steps, which are in [0, slots), ascending: of each to the one before it, of the first to 0.
std::vector<int> steps_between(const std::set<int>& giants);

}  // namespace blindsight::ckks
