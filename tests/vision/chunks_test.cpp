#include "blindsight/vision/chunks.h"

#include <cmath>

#include "blindsight/vision/chunk_index.h"
#include "blindsight/vision/exposure.h"
#include "support.h"

namespace blindsight::vision {
namespace {

/// Every pixel another level than its neighbours.
Image patterned(int width, int height, int channels = 1) {
  Image out{width, height, channels, {}};
  for (int i = 0; i < width * height * channels; ++i) out.pixels.push_back(static_cast<std::uint8_t>(i * 37 + i / 7));
  return out;
}

TEST(Chunks, MergeUndoesSplitForEverySize) {
  for (const int channels : {1, 3}) {
    const Image image = patterned(13, 9, channels);
    for (int width = 1; width <= 13; ++width) {
      for (int height = 1; height <= 9; ++height) {
        const ChunkGrid grid(13, 9, width, height);
        const auto chunks = split(image, grid);
        ASSERT_EQ(chunks.size(), grid.size());
        EXPECT_EQ(merge(chunks, grid).pixels, image.pixels) << width << "x" << height;
      }
    }
  }
}

TEST(Chunks, ImageOrderAndRemainders) {
  const ChunkGrid grid(112, 112, 28, 26);  // the paper's other size: 4.3 rows
  EXPECT_EQ(grid.columns(), 4u);
  EXPECT_EQ(grid.rows(), 5u);
  EXPECT_EQ(grid.area(0), (ChunkArea{0, 0, 28, 26}));
  EXPECT_EQ(grid.area(5), (ChunkArea{28, 26, 28, 26}));
  EXPECT_EQ(grid.area(19), (ChunkArea{84, 104, 28, 8}));
  EXPECT_EQ(ChunkGrid(112, 112, 28, 28).size(), 16u);
  EXPECT_THROW(static_cast<void>(grid.area(20)), InvalidArgument);
}

TEST(Chunks, OnePixel) {
  const ChunkGrid grid(1, 1, 1, 1);
  EXPECT_EQ(merge(split({1, 1, 1, {7}}, grid), grid).pixels, Bytes{7});
}

TEST(Chunks, RefusesWhatDoesNotFit) {
  EXPECT_THROW(ChunkGrid(4, 4, 5, 1), InvalidArgument);
  EXPECT_THROW(ChunkGrid(4, 4, 0, 1), InvalidArgument);
  EXPECT_THROW(ChunkGrid(0, 4, 1, 1), InvalidArgument);
  const ChunkGrid grid(4, 4, 2, 2);
  EXPECT_THROW(split(patterned(5, 4), grid), InvalidArgument);
  auto chunks = split(patterned(4, 4), grid);
  chunks.pop_back();
  EXPECT_THROW(merge(chunks, grid), InvalidArgument);
  chunks.push_back(patterned(2, 1));
  EXPECT_THROW(merge(chunks, grid), InvalidArgument);
  chunks.back() = patterned(2, 2, 3);
  EXPECT_THROW(merge(chunks, grid), InvalidArgument);
}

TEST(Chunks, PaddingHasTheMeanLevel) {
  const Image image{2, 1, 1, {10, 21}};
  EXPECT_EQ(mean_level(image), 16);  // 15.5, rounded up
  EXPECT_EQ(padded(image, 3, 2).pixels, (Bytes{10, 21, 16, 16, 16, 16}));
  EXPECT_EQ(padded(image, 2, 1).pixels, image.pixels);
  EXPECT_THROW(padded(image, 1, 1), InvalidArgument);
  EXPECT_THROW(padded(patterned(1, 1, 3), 2, 2), InvalidArgument);
}

// Four 4×4 chunks: flat; flat; one bright pixel in the middle; flat at 200. The jump to the last one lies on its edges.
Image four_chunks() {
  Image image{8, 8, 1, Bytes(64, 100)};
  image.pixels[6 * 8 + 1] = 140;
  for (int y = 4; y < 8; ++y) {
    for (int x = 4; x < 8; ++x) image.pixels[static_cast<std::size_t>(y * 8 + x)] = 200;
  }
  return image;
}

TEST(ChunkIndex, SignsSayWhereFeaturesAre) {
  const ChunkGrid grid(8, 8, 4, 4);
  const auto means = chunk_statistics(four_chunks(), grid, ChunkStatistic::kMean);
  const auto largest = chunk_statistics(four_chunks(), grid, ChunkStatistic::kMaximum);
  ASSERT_EQ(means.size(), 4u);
  for (std::size_t i = 0; i < 4; ++i) EXPECT_LE(means[i], largest[i]);
  // Chunk 0 touches the bright one only at its corner: there gx = gy = 100.
  EXPECT_NEAR(largest[0], 100 * std::sqrt(2.0), 1e-3);
  EXPECT_NEAR(means[0], largest[0] / 16, 1e-3);
  EXPECT_EQ(chunk_index(four_chunks(), grid, {ChunkStatistic::kMean, 20}), (std::vector<std::int32_t>{-1, 2, 3, 4}));
  EXPECT_EQ(chunk_index(four_chunks(), grid, {ChunkStatistic::kMaximum, 20}), (std::vector<std::int32_t>{1, 2, 3, 4}));
}

TEST(ChunkIndex, ThresholdsAtTheExtremes) {
  const ChunkGrid grid(8, 8, 4, 4);
  const Image flat{8, 8, 1, Bytes(64, 9)};
  const std::vector<std::int32_t> all{1, 2, 3, 4};
  const std::vector<std::int32_t> none{-1, -2, -3, -4};
  for (const auto statistic : {ChunkStatistic::kMean, ChunkStatistic::kMaximum}) {
    EXPECT_EQ(chunk_index(flat, grid, {statistic, 0}), all);
    EXPECT_EQ(chunk_index(four_chunks(), grid, {statistic, 0}), all);
    EXPECT_EQ(chunk_index(four_chunks(), grid, {statistic, HUGE_VAL}), none);
    EXPECT_EQ(chunk_index(flat, grid, {statistic, 1e-9}), none);
    EXPECT_THROW(chunk_index(flat, grid, {statistic, -1}), InvalidArgument);
    EXPECT_THROW(chunk_index(flat, grid, {statistic, NAN}), InvalidArgument);
  }
}

TEST(ChunkIndex, RefusesOtherSizesAndColour) {
  const ChunkGrid grid(8, 8, 4, 4);
  EXPECT_THROW(chunk_statistics(patterned(8, 9), grid, ChunkStatistic::kMean), InvalidArgument);
  EXPECT_THROW(chunk_statistics(patterned(8, 8, 3), grid, ChunkStatistic::kMean), InvalidArgument);
}

TEST(Exposure, CountsChunksPixelsAndVariance) {
  const ChunkGrid grid(4, 2, 2, 2);
  const Image image{4, 2, 1, {0, 0, 100, 200, 0, 0, 200, 100}};  // mean 75
  const std::vector<std::int32_t> index{-1, 2};
  // In the clear: four pixels 75 below the mean, 22,500; in all 55,000.
  const Exposure sent = exposure(image, grid, index, PlainChunks::kSend);
  EXPECT_EQ(sent.chunks, 2u);
  EXPECT_EQ(sent.in_clear, 1u);
  EXPECT_DOUBLE_EQ(sent.pixels, 0.5);
  EXPECT_DOUBLE_EQ(sent.variance, 22500.0 / 55000);
  const Exposure dropped = exposure(image, grid, std::vector<std::int32_t>{1, -2}, PlainChunks::kDrop);
  EXPECT_DOUBLE_EQ(dropped.pixels, 0);
  EXPECT_DOUBLE_EQ(dropped.variance, 4 * 75.0 * 75 / 55000);
  EXPECT_DOUBLE_EQ(exposure(image, grid, std::vector<std::int32_t>{-1, -2}, PlainChunks::kSend).variance, 1);
  EXPECT_DOUBLE_EQ(exposure(image, grid, std::vector<std::int32_t>{1, 2}, PlainChunks::kSend).variance, 0);
  EXPECT_THROW(exposure(image, grid, std::vector<std::int32_t>{1}, PlainChunks::kSend), InvalidArgument);
}

TEST(Exposure, ThePictureHidesEncryptedChunksAndOnlyThose) {
  const ChunkGrid grid(4, 2, 2, 2);
  const Image image{4, 2, 1, {11, 12, 100, 200, 13, 14, 200, 100}};
  const std::vector<std::int32_t> index{-1, 2};
  const Image seen = seen_by_server(image, grid, index, PlainChunks::kSend);
  EXPECT_EQ((Bytes{seen.at(0, 0), seen.at(1, 0), seen.at(0, 1), seen.at(1, 1)}), (Bytes{11, 12, 13, 14}));
  const Image other = seen_by_server({4, 2, 1, {11, 12, 7, 8, 13, 14, 9, 10}}, grid, index, PlainChunks::kSend);
  EXPECT_EQ(seen.pixels, other.pixels);  // says nothing of what is hidden
  const Image dropped = seen_by_server(image, grid, index, PlainChunks::kDrop, 3);
  EXPECT_EQ(dropped.width, 12);
  EXPECT_EQ(dropped.at(5, 5), 13);  // the mean of 11 to 14, rounded
  EXPECT_THROW(seen_by_server(image, grid, index, PlainChunks::kSend, 0), InvalidArgument);
}

}  // namespace
}  // namespace blindsight::vision
