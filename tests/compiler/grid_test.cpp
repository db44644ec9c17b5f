#include "blindsight/compiler/grid.h"

#include <gtest/gtest.h>

#include <set>

#include "small_networks.h"

namespace blindsight::compiler {
namespace {

using Conv = nn::testing::GraphBuilder::ConvSpec;

/// Every element has a slot of its own.
void expect_sound(const Grid& grid, const nn::Shape& shape) {
  EXPECT_EQ((nn::Shape{grid.channels, grid.height, grid.width}), shape);
  std::set<std::uint32_t> taken;
  for (std::int64_t c = 0; c < grid.channels; ++c) {
    for (std::int64_t y = 0; y < grid.height; ++y) {
      for (std::int64_t x = 0; x < grid.width; ++x) {
        const std::uint32_t position = grid.position(c, y, x);
        EXPECT_EQ(position & ~grid.mask(), 0u);
        EXPECT_TRUE(taken.insert(position).second) << c << ", " << y << ", " << x;
      }
    }
  }
}

TEST(Grid, FreshOnesHoldEveryElementInTheFewestBits) {
  for (const nn::Shape& shape : {nn::Shape{1, 1, 1}, {3, 5, 7}, {16, 8, 8}, {2, 1, 9}, {5, 6, 1}}) {
    const auto grids = fresh_grids(shape);
    ASSERT_FALSE(grids.empty());
    for (const Grid& grid : grids) {
      expect_sound(grid, shape);
      unsigned bits = 0;
      for (const std::int64_t extent : shape)
        bits += static_cast<unsigned>(std::bit_width(static_cast<std::uint64_t>(extent - 1)));
      EXPECT_EQ(grid.mask(), (std::uint32_t{1} << bits) - 1);
    }
  }
  EXPECT_EQ(fresh_grids({10}), fresh_grids({1, 1, 10}));
}

TEST(Grid, OrdersOfTheAxes) {
  const auto grids = fresh_grids({4, 8, 16});
  ASSERT_EQ(grids.size(), 3u);
  EXPECT_EQ(grids[0].position(3, 5, 9), 3u * 128 + 5 * 16 + 9);
  EXPECT_EQ(grids[1].position(3, 5, 9), 5u * 64 + 9 * 4 + 3);
  EXPECT_EQ(grids[2].position(3, 5, 9), 5u * 64 + 3 * 16 + 9);
}

TEST(Grid, PlacementFollowsThePositions) {
  const Grid grid = fresh_grids({3, 5, 7})[0];  // 2 + 3 + 3 bits
  const auto roomy = placement(grid, 10, 0);
  ASSERT_TRUE(roomy);
  const Layout layout = roomy->layout();
  ASSERT_EQ(layout.element.size(), 1024u);
  for (std::size_t s = 0; s < 1024; ++s) {
    const std::int64_t x = s % 8, y = s / 8 % 8, c = s / 64 % 4;
    const bool inside = x < 7 && y < 5 && c < 3;
    EXPECT_EQ(layout.element[s], inside ? static_cast<std::int32_t>((c * 5 + y) * 7 + x) : kZero) << s;
  }
  const auto tight = placement(grid, 6, 2);
  ASSERT_TRUE(tight);
  EXPECT_EQ(tight->ciphertexts(), 4u);
  EXPECT_FALSE(tight->replicate);
  EXPECT_EQ(tight->layout().element[64], 35);  // channel 1 begins the second ciphertext
  EXPECT_FALSE(placement(grid, 6, 1));
}

std::optional<Stride> stride_of_conv(const nn::Shape& in, const Conv& conv) {
  nn::Shape out;
  const nn::SparseMatrix map = test::convolution(in, conv, &out);
  return stride_of(map, in, out);
}

TEST(Grid, StridesAreReadFromTheMap) {
  for (const std::int64_t rows : {1, 2, 4}) {
    for (const std::int64_t columns : {1, 2, 4}) {
      for (const std::int64_t size : {15, 16, 17}) {
        for (const std::int64_t dilation : {1, 2}) {
          const auto stride = stride_of_conv(
              {3, size, size + 2},
              {.channels = 2, .strides = {rows, columns}, .dilations = {dilation, dilation}, .pads = {1, 1, 1, 1}});
          ASSERT_TRUE(stride) << rows << ", " << columns << ", " << size;
          EXPECT_EQ(stride->rows, rows);
          EXPECT_EQ(stride->columns, columns);
        }
      }
    }
  }
}

TEST(Grid, OtherMapsHaveNoStride) {
  EXPECT_FALSE(stride_of_conv({1, 16, 16}, {.channels = 1, .strides = {3, 1}}));
  EXPECT_FALSE(stride_of_conv({1, 16, 16}, {.channels = 1, .strides = {1, 3}}));
  const nn::SparseMatrix map = test::random_map(1, 48, 48, 1);
  EXPECT_FALSE(stride_of(map, {3, 4, 4}, {3, 4, 4}));
  EXPECT_FALSE(stride_of(map, {48}, {3, 4, 4}));
  EXPECT_FALSE(stride_of(map, {3, 4, 4}, {48}));
}

TEST(Grid, StrideTwoLeavesPositionsWhereTheyWereAndGivesFreedBitsToChannels) {
  for (const nn::Shape& in : {nn::Shape{4, 8, 8}, {4, 7, 5}, {3, 9, 8}}) {
    for (const std::int64_t channels : {2, 4, 8, 16}) {
      nn::Shape out;
      test::convolution(in, {.channels = channels, .strides = {2, 2}, .pads = {1, 1, 1, 1}}, &out);
      for (const Grid& from : fresh_grids(in)) {
        const auto grids = inherited_grids(from, out, {2, 2});
        ASSERT_FALSE(grids.empty());
        for (const Grid& grid : grids) {
          expect_sound(grid, out);
          for (std::int64_t y = 0; y < out[1]; ++y) {
            for (std::int64_t x = 0; x < out[2]; ++x) {
              if (2 * y >= in[1] || 2 * x >= in[2]) continue;
              EXPECT_EQ(grid.position(0, y, x), from.position(0, 2 * y, 2 * x));
            }
          }
          // Four times as many channels fit where the smaller image leaves three quarters free.
          if (channels <= 4 * in[0]) {
            EXPECT_LE(grid.mask(), from.mask());
          }
        }
      }
    }
  }
}

TEST(Grid, InheritsTwice) {
  const nn::Shape first{2, 16, 16}, second{8, 8, 8}, third{32, 4, 4};
  for (const Grid& from : fresh_grids(first)) {
    for (const Grid& between : inherited_grids(from, second, {2, 2})) {
      const auto grids = inherited_grids(between, third, {2, 2});
      ASSERT_FALSE(grids.empty());
      for (const Grid& grid : grids) {
        expect_sound(grid, third);
        EXPECT_EQ(grid.position(0, 3, 2), from.position(0, 12, 8));
        EXPECT_EQ(grid.mask(), from.mask());
      }
    }
  }
}

TEST(Grid, DeepOnesHoldABlockOfTheImageWhereItsOutputStands) {
  const Grid grid = deep_grid({3, 32, 32}, {2, 2}, 6);  // for 64 channels of 16 x 16
  expect_sound(grid, {3, 32, 32});
  EXPECT_EQ(grid.position(2, 5, 9), 2u + 4 * 1 + 8 * 1 + 64 * (4 + 16 * 2));
  const Placement placed = placement(grid, 14, 0).value();
  const Layout layout = with_copies(grid, placed), plain = placed.layout();
  for (std::uint32_t s = 0; s < layout.element.size(); ++s) {
    EXPECT_EQ(layout.element[s], plain.element[s & ~0x30U]);
    EXPECT_EQ(layout.element[s] < 0, (s & 3) == 3);  // the fourth of three channels
  }
  // No room is left where the channels are few.
  EXPECT_EQ(deep_grid({3, 32, 32}, {2, 2}, 2).mask(), (1U << 12) - 1);
}

TEST(Grid, NothingToInheritWhereTheImageGrows) {
  const Grid from = fresh_grids({2, 7, 7})[0];
  EXPECT_TRUE(inherited_grids(from, {2, 9, 7}, {1, 1}).empty());
  EXPECT_TRUE(inherited_grids(from, {2, 7, 7}, {2, 1}).empty());
  EXPECT_FALSE(inherited_grids(from, {2, 8, 8}, {1, 1}).empty());
  EXPECT_TRUE(inherited_grids(from, {98}, {1, 1}).empty());
}

TEST(Grid, CompactsIntoTheBitsThatAStrideLeavesFree) {
  const nn::Shape in{4, 16, 16}, out{8, 8, 8};
  std::size_t made = 0;
  for (const Grid& from : fresh_grids(in)) {
    for (const Grid& grid : inherited_grids(from, out, {2, 2})) {
      EXPECT_EQ(compacted(grid, 10), std::vector{grid});
      const auto grids = compacted(grid, 9);
      ASSERT_FALSE(grids.empty());
      made += grids.size();
      for (const Grid& compact : grids) {
        expect_sound(compact, out);
        EXPECT_EQ(compact.mask(), 0x1ffU);
      }
      EXPECT_TRUE(compacted(grid, 8).empty());
    }
  }
  EXPECT_GT(made, 0u);
}

}  // namespace
}  // namespace blindsight::compiler
