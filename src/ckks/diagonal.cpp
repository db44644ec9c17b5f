#include <algorithm>
#include <bit>
#include <cmath>
#include <string>

#include "blindsight/base/error.h"
#include "blindsight/ckks/linear_map.h"

namespace blindsight::ckks {

Diagonal::Diagonal(std::span<const double> values) {
  if (!std::has_single_bit(values.size())) {
    throw InvalidArgument("a diagonal of " + std::to_string(values.size()) + " slots: not a power of two");
  }
  std::size_t period = values.size();
  while (period > 1 && std::equal(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(period / 2),
                                  values.begin() + static_cast<std::ptrdiff_t>(period / 2)))
    period /= 2;
  values = values.first(period);

  table_.assign(values.begin(), values.end());
  if (!std::all_of(values.begin(), values.end(), [](double v) { return std::isfinite(v); })) return;  // has no order
  std::vector<double> distinct(table_);
  std::sort(distinct.begin(), distinct.end());
  distinct.erase(std::unique(distinct.begin(), distinct.end()), distinct.end());
  if (distinct.size() > 256 || distinct.size() * sizeof(double) + period >= period * sizeof(double)) return;
  index_.resize(period);
  for (std::size_t i = 0; i < period; ++i) {
    index_[i] =
        static_cast<std::uint8_t>(std::lower_bound(distinct.begin(), distinct.end(), values[i]) - distinct.begin());
  }
  table_ = std::move(distinct);
}

std::vector<double> Diagonal::values() const {
  if (index_.empty()) return table_;
  std::vector<double> all(index_.size());
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = table_[index_[i]];
  return all;
}

}  // namespace blindsight::ckks
