#include "blindsight/compiler/repetition.h"

#include <gtest/gtest.h>

#include "blindsight/compiler/grid.h"
#include "hand_made.h"
#include "helical.h"

namespace blindsight::compiler {
namespace {

constexpr unsigned kLogSlots = 9;  // 8 channels of 8 x 8
const nn::Shape kShape{8, 8, 8};

Placement placed(std::size_t order) { return placement(fresh_grids(kShape)[order], kLogSlots, 0).value(); }

TEST(Repetition, OfAHelicalConvolutionIsOnePosition) {
  const nn::SparseMatrix map = test::helical_map(kShape, 8, 1);
  EXPECT_EQ(log_repetition(placed(1).layout(), map, placed(1)), 3u);  // channels innermost
  EXPECT_EQ(log_repetition(placed(0).layout(), map, placed(0)), kLogSlots);
  EXPECT_EQ(log_repetition(placed(0).layout(), map, placed(1)), kLogSlots);
}

TEST(Repetition, OneOddWeightEndsIt) {
  const Layout layout = placed(1).layout();
  for (const std::size_t at : {std::size_t{0}, std::size_t{1234}}) {
    nn::SparseMatrix map = test::helical_map(kShape, 8, 1);
    map.value[at] += 1e-9;
    EXPECT_EQ(log_repetition(layout, map, placed(1)), kLogSlots);
  }
}

TEST(Repetition, CopiesThatMoveApartEndIt) {
  const nn::SparseMatrix map = test::helical_map(kShape, 8, 1);
  Placement wide = placed(1);
  wide.log_slots = wide.high_fold_bit = kLogSlots + 1;
  wide.replicate = true;
  Layout layout = wide.layout();
  EXPECT_EQ(log_repetition(layout, map, wide), 3u);
  std::swap(layout.element[0], layout.element[1]);
  EXPECT_EQ(log_repetition(layout, map, wide), kLogSlots + 1);
}

TEST(Repetition, EveryRowIsKeptOnceOrNotAtAll) {
  const nn::SparseMatrix map = test::helical_map(kShape, 8, 1);
  const nn::SparseMatrix first = first_repetition(map, placed(1), 3);
  ASSERT_EQ(first.rows, map.rows);
  ASSERT_EQ(first.cols, map.cols);
  EXPECT_EQ(first.nonzeros() * 64, map.nonzeros());
  for (std::size_t r = 0; r < map.rows; ++r) {  // channel-major: the first position's rows are every 64th
    const std::size_t count = first.row_begin[r + 1] - first.row_begin[r];
    EXPECT_EQ(count, r % 64 == 0 ? map.row_begin[r + 1] - map.row_begin[r] : 0u);
  }
}

}  // namespace
}  // namespace blindsight::compiler
