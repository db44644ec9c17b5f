#include "blindsight/compiler/cover.h"

#include <gtest/gtest.h>

#include <cmath>

#include "blindsight/base/error.h"
#include "blindsight/compiler/cost.h"
#include "blindsight/compiler/lowering.h"
#include "blindsight/compiler/slots.h"
#include "random_chain.h"

namespace blindsight::compiler {
namespace {

/// Slot values of a layout; junk where anything may stand.
std::vector<double> place(const Layout& layout, const std::vector<double>& x) {
  std::vector<double> slots;
  for (const std::int32_t e : layout.element) slots.push_back(e >= 0 ? x[e] : e == kAnything ? 1e6 : 0.0);
  return slots;
}

void expect_correct(const Layout& input, const nn::SparseAffine& map, const Placement& placement,
                    const Diagonals& diagonals) {
  const std::vector<double> x = test::random_vector(7, map.cols);
  const std::vector<double> want = nn::apply(map, x);
  ckks::LinearTransformPlan plan;
  plan.terms = ckks::split_rotations(diagonals.rotation, static_cast<std::uint32_t>(placement.slots()));
  plan.folds = placement.fold_rotations();
  const std::vector<double> got = apply(plan, diagonals.diagonal, place(input, x));
  const Layout out = placement.layout();
  std::vector<bool> seen(map.rows, false);
  for (std::size_t s = 0; s < got.size(); ++s) {
    const std::int32_t e = out.element[s];
    if (e == kZero) EXPECT_EQ(got[s], 0) << "slot " << s;
    if (e < 0) continue;
    seen[e] = true;
    EXPECT_NEAR(got[s] + map.bias[e], want[e], 1e-9) << "slot " << s;
  }
  for (std::size_t r = 0; r < map.rows; ++r) EXPECT_TRUE(seen[r]) << "row " << r;
}

TEST(Cover, EveryPlacementGivesTheMapsValue) {
  std::mt19937_64 random(1);
  for (const auto& [rows, cols, density] : {std::tuple{10, 24, 1.0}, {13, 40, 0.3}, {64, 64, 0.1}, {1, 5, 1.0}}) {
    const nn::SparseAffine map = test::random_map(random, rows, cols, density);
    for (const Layout& input : input_layouts(map, 7)) {
      for (const Placement& placement : placements(map, 7)) {
        const auto diagonals = cover(input, SlotsOfElement(input, map.cols), map, placement, 128);
        ASSERT_TRUE(diagonals);
        expect_correct(input, map, placement, *diagonals);
      }
    }
  }
}

TEST(Cover, NeverReadsSlotsThatMayHoldAnything) {
  std::mt19937_64 random(2);
  const nn::SparseAffine map = test::random_map(random, 12, 16, 0.7);
  Layout input;
  input.element.assign(256, kAnything);
  for (int e = 0; e < 16; ++e) input.element[16 * e + e % 3] = e;
  for (const Placement& placement : placements(map, 8)) {
    const auto diagonals = cover(input, SlotsOfElement(input, 16), map, placement, 256);
    ASSERT_TRUE(diagonals);
    expect_correct(input, map, placement, *diagonals);
  }
}

TEST(Cover, RefusesAColumnThatStandsNowhereAndStopsAtTheLimit) {
  std::mt19937_64 random(3);
  const nn::SparseAffine map = test::random_map(random, 16, 16, 1);
  Layout input;
  input.element.assign(64, kZero);
  const Placement placement{6, 0, 4, 0, 6, false, placements(map, 6)[0].position};
  EXPECT_THROW(cover(input, SlotsOfElement(input, 16), map, placement, 64), InvalidArgument);
  for (int e = 0; e < 16; ++e) input.element[e] = e;
  EXPECT_FALSE(cover(input, SlotsOfElement(input, 16), map, placement, 3));
}

TEST(Lowering, StridedConvolutionTakesFewKeySwitches) {
  std::mt19937_64 random(4);
  nn::QuadraticChain chain;
  chain.input_shape = {1, 28, 28};
  chain.affine.push_back(test::convolution(random, 28, 7, 3, 4));
  chain.affine.push_back(test::random_map(random, 64, 256, 1));
  chain.affine.push_back(test::random_map(random, 10, 64, 1));
  const Lowered lowered = lower(chain, 12);
  std::size_t switches = 2;  // relinearisations
  for (const LoweredMap& map : lowered.maps) switches += count_key_switches(map.plan).total();
  EXPECT_LE(switches, 25u);
}

}  // namespace
}  // namespace blindsight::compiler
