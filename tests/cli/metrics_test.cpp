#include "blindsight/cli/metrics.h"

#include <gtest/gtest.h>

#include "blindsight/base/error.h"
#include "blindsight/cli/zoo.h"

namespace blindsight::cli {
namespace {

TEST(Metrics, Quantiles) {
  EXPECT_EQ(quantiles({}).median, 0);
  EXPECT_EQ(quantiles({3}).median, 3);
  EXPECT_EQ(quantiles({3}).p95, 3);
  EXPECT_EQ(quantiles({4, 1, 3, 2}).median, 2.5);
  std::vector<double> hundred;
  for (int i = 100; i >= 1; --i) hundred.push_back(i);
  EXPECT_EQ(quantiles(hundred).median, 50.5);
  EXPECT_EQ(quantiles(hundred).p95, 95);
}

TEST(Metrics, ConfusionAccuracyAndF1) {
  const std::vector<std::size_t> truth{0, 0, 1, 1, 1, 2};
  const std::vector<std::size_t> predicted{0, 1, 1, 1, 0, 2};
  const Confusion confusion = confusion_matrix(truth, predicted, 3);
  EXPECT_EQ(confusion, (Confusion{{1, 1, 0}, {1, 2, 0}, {0, 0, 1}}));
  EXPECT_DOUBLE_EQ(accuracy(confusion), 4.0 / 6);
  EXPECT_DOUBLE_EQ(macro_f1(confusion), (2.0 / 4 + 4.0 / 6 + 1) / 3);
  EXPECT_THROW(confusion_matrix(truth, predicted, 2), InvalidArgument);
}

TEST(Zoo, InputBoundIsOfBlackOrWhite) {
  vision::Preprocess p;
  p.mean = {0.1307};
  p.std = {0.3081};
  EXPECT_NEAR(input_bound(p), (1 - 0.1307) / 0.3081, 1e-12);
  p.mean = {0.9};
  EXPECT_NEAR(input_bound(p), 0.9 / 0.3081, 1e-12);
}

TEST(Zoo, RangesOfACard) {
  EXPECT_EQ(card_ranges(R"({"range": {"before_square_1": 6, "before_square_2": 7, "logits": 15}})", 2),
            (std::vector<double>{6, 7, 15}));
  EXPECT_EQ(card_ranges(R"({"range": [6, 7, 15]})", 2), (std::vector<double>{6, 7, 15}));
  EXPECT_TRUE(card_ranges(R"({"range": [6, 7, 15]})", 3).empty());
  EXPECT_TRUE(card_ranges(R"({"range": {"before_square_1": 6, "logits": 15}})", 2).empty());
  EXPECT_TRUE(card_ranges(R"({"range": {"before_square_1": -6, "logits": 15}})", 1).empty());
  EXPECT_TRUE(card_ranges("{}", 1).empty());
  EXPECT_TRUE(card_ranges("not json", 1).empty());
}

}  // namespace
}  // namespace blindsight::cli
