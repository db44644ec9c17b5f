#include "blindsight/cli/metrics.h"

#include <gtest/gtest.h>

#include "blindsight/base/error.h"

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

}  // namespace
}  // namespace blindsight::cli
