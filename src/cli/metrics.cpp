#include "blindsight/cli/metrics.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "blindsight/base/error.h"

namespace blindsight::cli {

Quantiles quantiles(std::vector<double> values) {
  if (values.empty()) return {};
  std::sort(values.begin(), values.end());
  const std::size_t n = values.size();
  const auto rank = static_cast<std::size_t>(std::ceil(0.95 * static_cast<double>(n)));
  return {(values[(n - 1) / 2] + values[n / 2]) / 2, values[std::max<std::size_t>(rank, 1) - 1]};
}

Confusion confusion_matrix(std::span<const std::size_t> truth, std::span<const std::size_t> predicted,
                           std::size_t classes) {
  if (truth.size() != predicted.size()) throw InvalidArgument("as many predictions as images are needed");
  Confusion confusion(classes, std::vector<std::size_t>(classes));
  for (std::size_t i = 0; i < truth.size(); ++i) {
    if (truth[i] >= classes || predicted[i] >= classes) {
      throw InvalidArgument("class " + std::to_string(std::max(truth[i], predicted[i])) + " of a data set with " +
                            std::to_string(classes) + " classes");
    }
    ++confusion[truth[i]][predicted[i]];
  }
  return confusion;
}

double accuracy(const Confusion& confusion) {
  std::size_t right = 0;
  std::size_t all = 0;
  for (std::size_t t = 0; t < confusion.size(); ++t) {
    right += confusion[t][t];
    for (const std::size_t count : confusion[t]) all += count;
  }
  return all == 0 ? 0 : static_cast<double>(right) / static_cast<double>(all);
}

double macro_f1(const Confusion& confusion) {
  double sum = 0;
  std::size_t occurring = 0;
  for (std::size_t c = 0; c < confusion.size(); ++c) {
    std::size_t truths = 0;
    std::size_t predictions = 0;
    for (std::size_t o = 0; o < confusion.size(); ++o) {
      truths += confusion[c][o];
      predictions += confusion[o][c];
    }
    if (truths + predictions == 0) continue;
    ++occurring;
    sum += 2.0 * static_cast<double>(confusion[c][c]) / static_cast<double>(truths + predictions);
  }
  return occurring == 0 ? 0 : sum / static_cast<double>(occurring);
}

std::size_t argmax(std::span<const double> values) {
  return static_cast<std::size_t>(std::max_element(values.begin(), values.end()) - values.begin());
}

}  // namespace blindsight::cli
