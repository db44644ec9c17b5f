#include "blindsight/compiler/cover.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <tuple>

#include "blindsight/base/error.h"
#include "blindsight/compiler/grid.h"
#include "blindsight/compiler/row_placements.h"
#include "hand_made.h"
#include "small_networks.h"

namespace blindsight::compiler {
namespace {

constexpr std::size_t kNoLimit = std::size_t{1} << 20;

/// Slot values of a layout; junk where anything may stand.
std::vector<double> place(const Layout& layout, const std::vector<double>& x) {
  std::vector<double> slots;
  for (const std::int32_t e : layout.element) {
    slots.push_back(e >= 0 ? x[static_cast<std::size_t>(e)] : e == kAnything ? 1e6 : 0.0);
  }
  return slots;
}

/// The products and the folds, written out.
std::vector<double> apply(const std::vector<CoveringDiagonal>& diagonals, const Placement& placement,
                          const std::vector<double>& x) {
  const std::size_t n = placement.slots();
  std::vector<double> y(n * placement.ciphertexts(), 0.0);
  for (const CoveringDiagonal& d : diagonals) {
    for (std::size_t s = 0; s < n; ++s) {
      if (d.weight[s] != 0) y[d.output * n + s] += d.weight[s] * x[d.input * n + (s + d.rotation) % n];
    }
  }
  for (const int fold : placement.fold_rotations()) {
    const std::vector<double> before = y;
    for (std::size_t s = 0; s < n; ++s) y[s] += before[(s + static_cast<std::size_t>(fold)) % n];
  }
  return y;
}

/// Covers the map and compares what comes out with the matrix product. Returns the number of rotations.
std::size_t expect_covers(const Layout& input, const nn::SparseMatrix& map, const Placement& placement) {
  const auto diagonals = cover(input, SlotsOfElement(input, map.cols), map, placement, kNoLimit, Weights::kFill);
  EXPECT_TRUE(diagonals.has_value());
  if (!diagonals) return 0;
  const std::vector<double> x = test::uniform(7, map.cols);
  std::vector<double> want(map.rows, 0.0);
  nn::add_product(map, x, want);
  const std::vector<double> got = apply(*diagonals, placement, place(input, x));
  const Layout out = placement.layout();
  EXPECT_EQ(got.size(), out.element.size());
  std::vector<bool> seen(map.rows, false);
  for (std::size_t s = 0; s < got.size(); ++s) {
    const std::int32_t e = out.element[s];
    if (e == kZero) {
      EXPECT_EQ(got[s], 0) << "slot " << s;
    }
    if (e < 0) continue;
    seen[static_cast<std::size_t>(e)] = true;
    EXPECT_NEAR(got[s], want[static_cast<std::size_t>(e)], 1e-9) << "slot " << s;
    if (testing::Test::HasFailure()) break;
  }
  EXPECT_EQ(std::count(seen.begin(), seen.end(), false), 0);
  EXPECT_TRUE(std::is_sorted(diagonals->begin(), diagonals->end(), [](const auto& a, const auto& b) {
    return std::tie(a.output, a.input, a.rotation) < std::tie(b.output, b.input, b.rotation);
  }));
  return diagonals->size();
}

Layout natural(std::size_t elements, std::size_t slots) {
  Layout layout{std::vector<std::int32_t>(slots, kZero)};
  for (std::size_t i = 0; i < elements; ++i) layout.element[i] = static_cast<std::int32_t>(i);
  return layout;
}

/// Rows from slot 0 on, no copies, no folds.
Placement plain_placement(std::size_t rows, unsigned log_slots) {
  Placement placement;
  placement.log_slots = placement.high_fold_bit = log_slots;
  placement.row_bits = static_cast<unsigned>(std::bit_width(rows - 1));
  for (std::uint32_t r = 0; r < rows; ++r) placement.position.push_back(r);
  return placement;
}

TEST(Cover, EveryPlacementGivesTheMapsValue) {
  std::size_t tried = 0;
  for (const auto& [rows, cols, density] : {std::tuple{10, 24, 1.0}, {13, 40, 0.3}, {64, 64, 0.1}, {1, 5, 1.0}}) {
    const nn::SparseMatrix map =
        test::random_map(1, static_cast<std::size_t>(rows), static_cast<std::size_t>(cols), density);
    for (const Layout& input : input_layouts(map, 7)) {
      for (const Placement& placement : placements(map, 7)) {
        expect_covers(input, map, placement);
        ++tried;
        ASSERT_FALSE(HasFailure()) << rows << " x " << cols << ", row bit " << placement.row_bit;
      }
    }
  }
  EXPECT_GT(tried, 100u);
}

/// Nothing to choose: every element and every row stands once.
TEST(Cover, ForcedRotationsAreThoseOfTheConvolution) {
  nn::Shape out;
  const nn::SparseMatrix one = test::convolution({1, 8, 8}, {.channels = 1, .pads = {1, 1, 1, 1}}, &out);
  EXPECT_EQ(expect_covers(natural(64, 64), one, plain_placement(64, 6)), 9u);
  // Channel differences -1, 0, 1; where the channels fill the slots, -1 and 1 are the same rotation.
  const nn::SparseMatrix two = test::convolution({2, 8, 8}, {.channels = 2, .pads = {1, 1, 1, 1}});
  EXPECT_EQ(expect_covers(natural(128, 256), two, plain_placement(128, 8)), 27u);
  EXPECT_EQ(expect_covers(natural(128, 128), two, plain_placement(128, 7)), 18u);
}

TEST(Cover, CopiesOfTheInputSaveRotations) {
  const nn::SparseMatrix map = test::random_map(3, 16, 16, 1);
  EXPECT_EQ(expect_covers(natural(16, 256), map, plain_placement(16, 8)), 31u);
  Layout copies = natural(16, 256);
  for (std::size_t s = 0; s < 256; ++s) copies.element[s] = static_cast<std::int32_t>(s % 16);
  EXPECT_EQ(expect_covers(copies, map, plain_placement(16, 8)), 16u);
  const auto diagonals =
      cover(copies, SlotsOfElement(copies, map.cols), map, plain_placement(16, 8), kNoLimit, Weights::kLeaveOut);
  for (const CoveringDiagonal& d : *diagonals) EXPECT_LT(d.rotation, 16u) << "though any copy would do";
  // Sixteen partial sums a row: one rotation does it all.
  Placement folded = plain_placement(16, 8);
  folded.row_bit = 4;
  folded.low_folds = 4;
  EXPECT_EQ(expect_covers(copies, map, folded), 1u);
}

TEST(Cover, SeveralCiphertextsOnEitherSide) {
  nn::Shape out;
  const nn::Shape in{6, 5, 7};
  const nn::SparseMatrix map = test::convolution(in, {.channels = 5, .pads = {1, 1, 1, 1}}, &out);
  std::size_t most_inputs = 0, most_outputs = 0;
  for (const unsigned log_slots : {6U, 7U, 8U, 10U}) {
    for (const Grid& from : fresh_grids(in)) {
      const auto input = placement(from, log_slots, 4);
      ASSERT_TRUE(input);
      for (const Grid& to : fresh_grids(out)) {
        const auto output = placement(to, log_slots, 4);
        ASSERT_TRUE(output);
        expect_covers(input->layout(), map, *output);
        most_inputs = std::max(most_inputs, input->ciphertexts());
        most_outputs = std::max(most_outputs, output->ciphertexts());
        ASSERT_FALSE(HasFailure()) << log_slots;
      }
    }
  }
  EXPECT_EQ(most_inputs, 8u);
  EXPECT_EQ(most_outputs, 8u);
}

/// The greedy path with several ciphertexts: some elements stand twice, in different ciphertexts.
TEST(Cover, SeveralCiphertextsWithCopies) {
  const nn::SparseMatrix map = test::random_map(4, 50, 60, 0.3);
  Layout input = natural(60, 128);  // two ciphertexts of 64
  for (std::size_t i = 0; i < 60; i += 3) input.element[64 + i] = static_cast<std::int32_t>(i);
  for (std::size_t i = 60; i < 64; ++i) input.element[i] = kAnything;
  Placement output = plain_placement(50, 5);
  output.log_ciphertexts = 1;
  Layout narrow = input;
  narrow.element.resize(128);
  expect_covers(narrow, map, output);  // four inputs, two outputs
  const nn::SparseMatrix dense = test::random_map(5, 64, 32, 1);
  Layout copies = natural(32, 128);
  for (std::size_t s = 0; s < 128; ++s) copies.element[s] = static_cast<std::int32_t>(s % 32);
  Placement two = plain_placement(64, 5);
  two.log_ciphertexts = 1;
  EXPECT_EQ(expect_covers(copies, dense, two), 64u);
}

TEST(Cover, MultiplexedGridsAfterAStride) {
  const nn::Shape in{4, 9, 8};
  nn::Shape out;
  const nn::SparseMatrix map = test::convolution(in, {.channels = 10, .strides = {2, 2}, .pads = {1, 1, 1, 1}}, &out);
  const auto stride = stride_of(map, in, out);
  ASSERT_TRUE(stride);
  std::size_t tried = 0;
  for (const Grid& from : fresh_grids(in)) {
    for (const Grid& to : inherited_grids(from, out, *stride)) {
      const auto output = placement(to, 10, 4);
      ASSERT_TRUE(output);
      expect_covers(placement(from, 10, 4)->layout(), map, *output);
      ++tried;
      ASSERT_FALSE(HasFailure());
    }
  }
  EXPECT_GE(tried, 6u);
}

TEST(Cover, NeverReadsSlotsThatMayHoldAnything) {
  const nn::SparseMatrix map = test::random_map(2, 12, 16, 0.7);
  Layout input;
  input.element.assign(256, kAnything);
  for (std::size_t e = 0; e < 16; ++e) input.element[16 * e + e % 3] = static_cast<std::int32_t>(e);
  for (const Placement& placement : placements(map, 8)) {
    expect_covers(input, map, placement);
    ASSERT_FALSE(HasFailure());
  }
}

TEST(Cover, WithoutWeightsItIsTheSameRotations) {
  const nn::SparseMatrix map = test::random_map(6, 20, 30, 0.4);
  for (const Layout& input : {natural(30, 64), input_layouts(map, 6)[0]}) {
    const SlotsOfElement slots_of(input, 30);
    for (const Placement& placement : placements(map, 6)) {
      const auto full = cover(input, slots_of, map, placement, kNoLimit, Weights::kFill);
      const auto bare = cover(input, slots_of, map, placement, kNoLimit, Weights::kLeaveOut);
      ASSERT_TRUE(full && bare);
      ASSERT_EQ(full->size(), bare->size());
      for (std::size_t i = 0; i < full->size(); ++i) {
        EXPECT_EQ((*full)[i].rotation, (*bare)[i].rotation);
        EXPECT_TRUE((*bare)[i].weight.empty());
      }
    }
  }
}

TEST(Cover, RefusesAColumnThatStandsNowhereAndStopsAtItsLimits) {
  const nn::SparseMatrix map = test::random_map(3, 16, 16, 1);
  const Placement placement = plain_placement(16, 6);
  const Layout nowhere{std::vector<std::int32_t>(64, kZero)};
  EXPECT_THROW(cover(nowhere, SlotsOfElement(nowhere, 16), map, placement, 64, Weights::kLeaveOut), InvalidArgument);
  Layout copies = natural(16, 64);
  for (std::size_t s = 0; s < 64; ++s) copies.element[s] = static_cast<std::int32_t>(s % 16);
  for (const auto& [input, needed] : {std::pair{natural(16, 64), 31u}, {copies, 16u}}) {
    const SlotsOfElement slots_of(input, 16);
    EXPECT_TRUE(cover(input, slots_of, map, placement, needed, Weights::kLeaveOut));
    EXPECT_FALSE(cover(input, slots_of, map, placement, needed - 1, Weights::kLeaveOut));
    EXPECT_FALSE(cover(input, slots_of, map, placement, needed, Weights::kLeaveOut, 100));
  }
}

TEST(Placement, LayoutSaysWhatEverySlotHolds) {
  Placement p = plain_placement(3, 4);
  p.row_bit = 1;
  p.low_folds = 1;
  p.high_fold_bit = 3;
  EXPECT_EQ(p.layout().element, (std::vector<std::int32_t>{0, -2, 1, -2, 2, -2, -1, -2, 0, -2, 1, -2, 2, -2, -1, -2}));
  EXPECT_EQ(p.fold_rotations(), (std::vector<int>{8, 1}));
  EXPECT_EQ(units(test::random_map(1, 3, 5, 1), p), 15u);
  p.low_folds = 0;
  EXPECT_EQ(p.layout().element, (std::vector<std::int32_t>{0, -1, 1, -1, 2, -1, -1, -1, 0, -1, 1, -1, 2, -1, -1, -1}));
  p.replicate = true;
  EXPECT_EQ(p.layout().element, (std::vector<std::int32_t>{0, 0, 1, 1, 2, 2, -1, -1, 0, 0, 1, 1, 2, 2, -1, -1}));
  EXPECT_EQ(units(test::random_map(1, 3, 5, 1), p), 30u);
}

}  // namespace
}  // namespace blindsight::compiler
