#include "blindsight/vision/chunk_input.h"

#include <opencv2/core.hpp>
#include <opencv2/imgcodecs.hpp>

#include "blindsight/vision/chunk_index.h"
#include "blindsight/vision/matrix_picture.h"
#include "support.h"

namespace blindsight::vision {
namespace {

/// Images of 8×8 pixels in chunks of 4×4, two to an input.
Card card(bool equalise) {
  Card out;
  out.name = "net";
  out.preprocess = {4, 8, Color::kGray, 1.0 / 255, {0.5}, {0.25}, equalise};
  out.chunks = Chunking{8, 8, 4, 2, ""};
  return out;
}

TEST(ChunkInput, TakesImagesOfAnySizeColourAndDepth) {
  cv::Mat deep(8, 8, CV_16U, cv::Scalar(257 * 90));
  Bytes png;
  cv::imencode(".png", deep, png);
  const Image from_16_bits = image_to_cut(decode_image(png, "it"), card(false));
  EXPECT_EQ(from_16_bits.pixels, Bytes(64, 90));
  const Image tiny = image_to_cut({1, 1, 1, {7}}, card(false), true);
  EXPECT_EQ(tiny.pixels, Bytes(64, 7));
  const Image colour = image_to_cut({2, 3, 3, Bytes(18, 40)}, card(false), true);
  EXPECT_EQ(colour.channels, 1);
  EXPECT_EQ(colour.pixels, Bytes(64, 40));
  EXPECT_THROW(image_to_cut({2, 3, 1, Bytes(6, 40)}, card(false)), InvalidArgument);  // not asked to resize
}

TEST(ChunkInput, ImagesWithoutAnyFeatureAreCutLikeOthers) {
  const ChunkGrid grid(8, 8, 4, 4);
  for (const bool equalise : {false, true}) {
    const Image flat = image_to_cut({1, 1, 1, {200}}, card(equalise), true);
    EXPECT_EQ(chunk_index(flat, grid, {}), (std::vector<std::int32_t>{-1, -2, -3, -4}));
  }
}

TEST(ChunkInput, EqualisesTheWholeImageBeforeItIsCut) {
  Image image{8, 8, 1, Bytes(64, 100)};
  std::fill(image.pixels.begin(), image.pixels.begin() + 32, std::uint8_t{90});
  const Image spread = image_to_cut(image, card(true));
  EXPECT_EQ(spread.at(0, 0), 0);
  EXPECT_EQ(spread.at(0, 7), 255);
  EXPECT_EQ(equalised({2, 1, 1, {5, 5}}).pixels, (Bytes{5, 5}));
  EXPECT_THROW(equalised({1, 1, 3, {1, 2, 3}}), InvalidArgument);
}

TEST(ChunkInput, ChunksArePaddedToWhatTheNetworkTakes) {
  EXPECT_EQ(chunk_levels({4, 4, 1, Bytes(16, 3)}, card(false)), Bytes(16, 3));
  const Bytes narrow = chunk_levels({3, 4, 1, Bytes(12, 3)}, card(false));
  EXPECT_EQ(narrow, Bytes(16, 3));  // a flat chunk stays flat
  EXPECT_THROW(chunk_levels({5, 4, 1, Bytes(20, 3)}, card(false)), InvalidArgument);
  Card whole = card(false);
  whole.chunks.reset();
  EXPECT_THROW(chunk_levels({4, 4, 1, Bytes(16, 3)}, whole), InvalidArgument);
  EXPECT_THROW(image_to_cut({8, 8, 1, Bytes(64, 3)}, whole), InvalidArgument);
}

TEST(ChunkInput, LevelsBecomeWhatPreprocessingMakesOfThem) {
  const LevelScale scale = level_scale(card(false));
  for (const int level : {0, 100, 255}) {
    EXPECT_NEAR(level * scale.factor + scale.offset, (level / 255.0 - 0.5) / 0.25, 1e-12);
  }
}

TEST(MatrixPicture, ShowsWhereTheCountsAre) {
  const auto picture = confusion_picture({{5, 0}, {1, 4}}, {"first", "second"}, "title");
  const auto other = confusion_picture({{0, 5}, {1, 4}}, {"first", "second"}, "title");
  EXPECT_EQ(picture.channels, 3);
  EXPECT_EQ(picture.pixels.size(), other.pixels.size());
  EXPECT_NE(picture.pixels, other.pixels);
  EXPECT_THROW(confusion_picture({}, {}, ""), InvalidArgument);
  EXPECT_THROW(confusion_picture({{1, 2}}, {"one"}, ""), InvalidArgument);
  EXPECT_THROW(confusion_picture({{1}}, {"one", "two"}, ""), InvalidArgument);
}

}  // namespace
}  // namespace blindsight::vision
