#include "blindsight/compiler/split.h"

#include <gtest/gtest.h>

#include <random>
#include <set>
#include <tuple>

namespace blindsight::compiler {
namespace {

using Term = ckks::LinearMapPlan::Term;

const LevelCost kPrice(8, 4);

std::vector<CoveringDiagonal> diagonals(const std::vector<std::uint32_t>& rotations) {
  std::vector<CoveringDiagonal> out;
  for (const std::uint32_t k : rotations) out.push_back({0, 0, k, {}});
  return out;
}

/// As many inputs as may be, of that period.
std::vector<SplitInput> inputs_of(std::size_t period, double weight = 1) { return {3, {period, weight}}; }

std::size_t wrapped(long k, std::size_t slots) {
  const auto n = static_cast<long>(slots);
  return static_cast<std::size_t>(((k % n) + n) % n);
}

/// Every diagonal once, in order, and every rotation the sum of its steps.
void expect_sound(const std::vector<CoveringDiagonal>& asked, const Split& split, std::size_t slots) {
  const auto& terms = split.terms;
  std::set<std::uint32_t> seen;
  for (const Term& term : terms) {
    for (const int shift : {0, split.paired}) {
      const std::uint32_t diagonal = shift == 0 ? term.diagonal : term.partner;
      if (diagonal != asked.size()) {  // else zeros
        ASSERT_LT(diagonal, asked.size());
        EXPECT_TRUE(seen.insert(diagonal).second);
        const CoveringDiagonal& d = asked[diagonal];
        EXPECT_EQ(term.input, d.input);
        EXPECT_EQ(term.output, d.output);
        EXPECT_EQ(wrapped(long{term.baby} + term.giant + shift, slots), d.rotation);
      }
      if (split.paired == 0) break;
    }
    EXPECT_LE(std::abs(term.baby), static_cast<int>(slots / 2));
    EXPECT_GE(term.giant, 0);
    EXPECT_LT(term.giant, static_cast<int>(slots));
  }
  for (std::size_t i = 1; i < terms.size(); ++i) {
    const auto key = [](const Term& t) { return std::tie(t.output, t.giant, t.input, t.baby); };
    EXPECT_LT(key(terms[i - 1]), key(terms[i]));
  }
  EXPECT_EQ(seen.size(), asked.size());
}

ckks::LinearMapPlan plan_of(const Split& split) {
  ckks::LinearMapPlan plan;
  plan.terms = split.terms;
  plan.paired = split.paired;
  return plan;
}

KeySwitchCount count(const Split& split) { return count_key_switches(plan_of(split)); }

double cost(const Split& split) { return map_cost(kPrice, count(split), split.terms.size(), 1); }

std::set<int> keys_of(const Split& split, std::size_t slots) {
  const ckks::LinearMapPlan plan = plan_of(split);
  const auto keys = ckks::rotations_of(plan, static_cast<std::uint32_t>(slots));
  return {keys.begin(), keys.end()};
}

TEST(Split, EveryRotationIsABabyPlusAGiantStep) {
  std::mt19937_64 random(1);
  for (int round = 0; round < 200; ++round) {
    const std::size_t slots = std::size_t{16} << random() % 8;
    const std::uint32_t inputs = 1 + random() % 3, outputs = 1 + random() % 3;
    const std::uint32_t step = 1U << random() % 3;
    std::set<std::tuple<std::uint32_t, std::uint32_t, std::uint32_t>> chosen;
    for (std::size_t i = 0; i < 1 + random() % 300; ++i) {
      chosen.insert(
          {random() % outputs, random() % inputs, static_cast<std::uint32_t>(random() % slots / step * step)});
    }
    std::vector<CoveringDiagonal> asked;
    for (const auto& [output, input, k] : chosen) asked.push_back({input, output, k, {}});
    KeyPrice keys;
    keys.each = round % 2 == 0 ? 0 : 10;
    if (round % 4 == 1) keys.present = {1, 2, 4, 8};
    expect_sound(asked, split_rotations(asked, slots, inputs_of(slots, round % 3), kPrice, keys), slots);
    ASSERT_FALSE(HasFailure()) << round;
  }
}

TEST(Split, ADenseMatrixTakesAboutTwoRootsOfKeySwitches) {
  for (const unsigned log : {4U, 6U, 8U, 10U}) {
    const std::uint32_t n = 1U << log;
    std::vector<std::uint32_t> all(n);
    for (std::uint32_t k = 0; k < n; ++k) all[k] = k;
    const Split split = split_rotations(diagonals(all), n, inputs_of(n), kPrice);
    const KeySwitchCount switches = count(split);
    // Babies and giants multiply to all rotations, or to half of them; hoisted babies are cheaper, so there may be more
    // of them.
    EXPECT_GE((switches.babies + 1) * (switches.giants + 1), split.paired != 0 ? n / 2 : n);
    EXPECT_LE(switches.total(), 3 * (std::size_t{1} << (log / 2)));
    EXPECT_GE(switches.babies, switches.giants);
  }
}

/// The taps of a 3 x 3 kernel times sixteen channel differences.
TEST(Split, AConvolutionsRotationsAreAGrid) {
  constexpr std::size_t kSlots = std::size_t{1} << 14;
  std::vector<std::uint32_t> rotations;
  for (int c = 0; c < 16; ++c) {
    for (int y = -1; y <= 1; ++y) {
      for (int x = -1; x <= 1; ++x)
        rotations.push_back(static_cast<std::uint32_t>(wrapped(c * 1024 + y * 32 + x, kSlots)));
    }
  }
  const auto asked = diagonals(rotations);
  const Split split = split_rotations(asked, kSlots, inputs_of(kSlots), kPrice);
  expect_sound(asked, split, kSlots);
  // Channels eight apart share a product.
  EXPECT_EQ(split.paired, 8 * 1024);
  EXPECT_EQ(split.terms.size(), 72u);
  // As cheap as eight babies and seven giants; hoisted babies cost less than giants, so there may be more of them.
  KeySwitchCount grid;
  grid.babies = 9 - 1;
  grid.hoisted_inputs = grid.rotated_inputs = grid.conjugations = 1;
  grid.giants = 8 - 1;
  EXPECT_LE(cost(split), map_cost(kPrice, grid, 72, 1));
}

/// With half of the channels away there is nothing to pair them with; with a few away it's zeros.
TEST(Split, PairsWhatIsHalfThePeriodApart) {
  constexpr std::size_t kSlots = std::size_t{1} << 12;
  const auto channels = [&](std::uint32_t count) {
    std::vector<std::uint32_t> rotations;
    for (std::uint32_t c = 0; c < count; ++c) {
      for (std::uint32_t k = 0; k < 9; ++k) rotations.push_back(c * 256 + k);
    }
    return diagonals(rotations);
  };
  const Split half = split_rotations(channels(8), kSlots, inputs_of(kSlots, 1), kPrice);
  EXPECT_EQ(half.paired, 256);  // nothing is half the period apart, but neighbours of a run may go in pairs
  expect_sound(channels(8), half, kSlots);
  EXPECT_EQ(half.terms.size(), 36u);
  const Split most = split_rotations(channels(15), kSlots, inputs_of(kSlots, 1), kPrice);
  expect_sound(channels(15), most, kSlots);
  EXPECT_EQ(most.paired, static_cast<int>(kSlots / 2));
  EXPECT_EQ(most.terms.size(), 72u);
  // Weights of zeros have their price too.
  EXPECT_EQ(split_rotations(channels(15), kSlots, inputs_of(kSlots, 1e4), kPrice).paired, 0);
}

/// An input of half the period is rotated by any of two numbers; one of the whole period keeps its own rotations.
TEST(Split, PairsWithinTheirInputsOwnPeriod) {
  constexpr std::size_t kSlots = std::size_t{1} << 12;
  const std::vector<SplitInput> inputs{{kSlots, 1}, {kSlots / 2, 1}};
  std::vector<CoveringDiagonal> asked{{0, 0, 0, {}}, {0, 0, 3000, {}}};
  for (std::uint32_t c = 0; c < 8; ++c) {
    for (std::uint32_t k = 0; k < 9; ++k) {
      const std::uint32_t other_copy = (c + k) % 3 == 0 ? kSlots / 2 : 0;
      asked.push_back({1, 0, static_cast<std::uint32_t>((c * 256 + k + other_copy) % kSlots), {}});
    }
  }
  const Split split = split_rotations(asked, kSlots, inputs, kPrice);
  ASSERT_EQ(split.paired, static_cast<int>(kSlots / 4));
  EXPECT_EQ(split.terms.size(), 2u + 36u);
  EXPECT_EQ(split.weights, 2 * (2 + 36));
  std::set<std::uint32_t> seen;
  for (const Term& term : split.terms) {
    const std::size_t period = inputs[term.input].period;
    for (const auto& [diagonal, shift] : {std::pair(term.diagonal, 0), std::pair(term.partner, split.paired)}) {
      if (diagonal == asked.size()) continue;
      EXPECT_TRUE(seen.insert(diagonal).second);
      EXPECT_EQ(wrapped(long{term.baby} + term.giant + shift, period), asked[diagonal].rotation % period);
    }
  }
  EXPECT_EQ(seen.size(), asked.size());
}

/// As channels innermost have them: three runs of 255, nothing half of the period apart.
TEST(Split, PairsTheNeighboursOfARun) {
  constexpr std::size_t kSlots = std::size_t{1} << 14;
  std::vector<std::uint32_t> rotations;
  for (const int row : {-1024, 0, 1024}) {
    for (int k = -127; k <= 127; ++k) rotations.push_back(static_cast<std::uint32_t>(wrapped(row + k, kSlots)));
  }
  const auto asked = diagonals(rotations);
  const Split split = split_rotations(asked, kSlots, inputs_of(kSlots), kPrice);
  expect_sound(asked, split, kSlots);
  EXPECT_NE(split.paired, 0);
  EXPECT_EQ(split.terms.size(), 3u * 128);
  EXPECT_EQ(split_rotations(asked, kSlots, inputs_of(kSlots), kPrice, {}, false).paired, 0);
}

TEST(Split, FewRotationsNeedNoGiants) {
  const Split split = split_rotations(diagonals({0, 1, 7}), 64, inputs_of(64), kPrice);
  EXPECT_EQ(count(split).giants, 0u);
  EXPECT_EQ(count(split).babies, 2u);
}

TEST(Split, KeysThatArePresentAreShared) {
  constexpr std::size_t kSlots = 1024;
  std::vector<std::uint32_t> all;
  for (std::uint32_t k = 0; k < 64; ++k) all.push_back(k);
  const auto asked = diagonals(all);
  const Split free_choice = split_rotations(asked, kSlots, inputs_of(kSlots), kPrice);
  for (const int giant : {2, 4, 16, 32}) {
    // The keys of another stage, whose split has giants of that size.
    KeyPrice keys;
    keys.each = 1e6;
    for (int k = 1; k < giant; ++k) keys.present.insert(k);
    keys.present.insert(giant);  // the step from each to the next
    const Split split = split_rotations(asked, kSlots, inputs_of(kSlots), kPrice, keys);
    expect_sound(asked, split, kSlots);
    for (const int k : keys_of(split, kSlots))
      EXPECT_TRUE(keys.present.contains(k)) << k << " with giants of " << giant;
  }
  // Dear keys: never more of them than where they cost nothing.
  KeyPrice dear;
  dear.each = 1e6;
  const std::size_t few = keys_of(split_rotations(asked, kSlots, inputs_of(kSlots), kPrice, dear), kSlots).size();
  EXPECT_LE(few, keys_of(free_choice, kSlots).size());
  EXPECT_EQ(few, 1u);  // a Horner scheme of steps by one
}

}  // namespace
}  // namespace blindsight::compiler
