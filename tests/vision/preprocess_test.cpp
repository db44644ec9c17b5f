#include "blindsight/vision/preprocess.h"

#include "support.h"

namespace blindsight::vision {
namespace {

Card card(int width, int height, Color color) {
  Card out;
  out.name = "net";
  out.preprocess = {width, height, color, 0.5, {1, 2, 3}, {1, 2, 4}};
  if (color == Color::kGray) out.preprocess.mean = {1}, out.preprocess.std = {2};
  return out;
}

TEST(Preprocess, GivesChannelsFirst) {
  const auto tensor = preprocess({2, 1, 3, {2, 8, 14, 4, 12, 22}}, card(2, 1, Color::kRgb));
  EXPECT_EQ(tensor, (std::vector<double>{0, 1, 1, 2, 1, 2}));
}

TEST(Preprocess, GrayCardTakesColourAndTheOtherWayRound) {
  EXPECT_EQ(preprocess({1, 1, 3, {100, 100, 100}}, card(1, 1, Color::kGray)), std::vector<double>{24.5});
  EXPECT_EQ(preprocess({1, 1, 1, {10}}, card(1, 1, Color::kRgb)), (std::vector<double>{4, 1.5, 0.5}));
}

TEST(Preprocess, RefusesAnotherSizeUnlessAskedToResize) {
  const Image image{2, 2, 1, {0, 100, 100, 200}};
  const auto message = message_of<InvalidArgument>([&] { preprocess(image, card(1, 1, Color::kGray)); });
  EXPECT_EQ(message, "the image has 2x2 pixels, 'net' takes 1x1: resize it first or pass --resize");
  EXPECT_EQ(preprocess(image, card(1, 1, Color::kGray), true), std::vector<double>{24.5});
}

TEST(Preprocess, RefusesInvalidImagesAndCards) {
  EXPECT_THROW(preprocess({1, 1, 1, {}}, card(1, 1, Color::kGray)), InvalidArgument);
  Card bad = card(1, 1, Color::kRgb);
  bad.preprocess.mean = {1};
  EXPECT_THROW(preprocess({1, 1, 1, {1}}, bad), InvalidArgument);
}

}  // namespace
}  // namespace blindsight::vision
