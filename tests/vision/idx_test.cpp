#include "blindsight/vision/idx.h"

#include "support.h"

namespace blindsight::vision {
namespace {

TEST(Idx, ReadsShapeAndValues) {
  const auto array = parse_idx(idx({2, 1, 3}, {1, 2, 3, 4, 5, 6}), 3, "it");
  EXPECT_EQ(array.shape, (std::vector<std::uint32_t>{2, 1, 3}));
  EXPECT_EQ(array.values, (Bytes{1, 2, 3, 4, 5, 6}));
  EXPECT_TRUE(parse_idx(idx({0}, {}), 1, "it").values.empty());
}

TEST(Idx, RefusesAnotherMagic) {
  for (const std::size_t pos : {0, 1, 2, 3}) {
    Bytes data = idx({2}, {1, 2});
    data[pos] ^= 1;
    EXPECT_THROW(parse_idx(data, 1, "it"), FormatError) << pos;
  }
  EXPECT_THROW(parse_idx(idx({1, 1, 1}, {1}), 1, "it"), FormatError);
}

TEST(Idx, RefusesEveryOtherLength) {
  Bytes data = idx({2, 3}, {1, 2, 3, 4, 5, 6});
  for (std::size_t size = 0; size < data.size(); ++size) {
    EXPECT_THROW(parse_idx(std::span(data).first(size), 2, "it"), FormatError) << size;
  }
  data.push_back(0);
  EXPECT_THROW(parse_idx(data, 2, "it"), FormatError);
}

TEST(Idx, RefusesShapesWhoseProductOverflows) {
  EXPECT_THROW(parse_idx(idx({0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}, {}), 4, "it"), FormatError);
  EXPECT_THROW(parse_idx(idx({1u << 31, 1u << 31, 4}, {}), 3, "it"), FormatError);
  EXPECT_THROW(parse_idx(idx({1}, {1}), 5, "it"), InvalidArgument);
}

}  // namespace
}  // namespace blindsight::vision
