// A network that takes its input in equal parts: all before its last squares is a mean over them.
#pragma once

#include "small_networks.h"

namespace blindsight::test {

inline constexpr std::size_t kPart = 12;  // elements of a part

/// `count` copies of a map side by side, each on its own part (`stacked`: rows too), or all into the same rows.
inline nn::SparseMatrix repeated_map(const nn::SparseMatrix& map, std::size_t count, bool stacked, double factor) {
  nn::SparseMatrix out;
  out.rows = stacked ? count * map.rows : map.rows;
  out.cols = count * map.cols;
  out.row_begin.push_back(0);
  for (std::size_t row = 0; row < out.rows; ++row) {
    for (std::size_t copy = 0; copy < count; ++copy) {
      if (stacked && row / map.rows != copy) continue;
      for (std::uint32_t i = map.row_begin[row % map.rows]; i < map.row_begin[row % map.rows + 1]; ++i) {
        out.col.push_back(static_cast<std::uint32_t>(copy * map.cols + map.col[i]));
        out.value.push_back(factor * map.value[i]);
      }
    }
    out.row_begin.push_back(static_cast<std::uint32_t>(out.col.size()));
  }
  return out;
}

inline std::vector<double> ramp(std::size_t size, double step) {
  std::vector<double> out;
  for (std::size_t i = 0; i < size; ++i) out.push_back(step * (static_cast<double>(i) + 1));
  return out;
}

/// `count` parts of kPart elements, 5 values of each squared, 4 of their mean squared, 3 logits; biases everywhere.
inline nn::QuadraticNetwork parts_network(std::size_t count) {
  const auto shape = [](std::size_t size) { return nn::Shape{static_cast<std::int64_t>(size)}; };
  const auto few = static_cast<double>(count);
  nn::QuadraticNetwork network;
  network.input_shape = shape(count * kPart);
  std::vector<double> first_bias;
  for (std::size_t i = 0; i < count; ++i) {
    for (const double b : ramp(5, 0.05)) first_bias.push_back(b);
  }
  network.stages.push_back({"each",
                            shape(5 * count),
                            {{0, false, repeated_map(random_map(1, 5, kPart, 0.6), count, true, 0.2)}},
                            first_bias});
  network.stages.push_back(
      {"mean", shape(4), {{1, true, repeated_map(random_map(2, 4, 5, 0.8), count, false, 0.5 / few)}}, ramp(4, -0.1)});
  network.stages.push_back({"last", shape(3), {{2, true, random_map(3, 3, 4, 0.9)}}, ramp(3, 0.2)});
  return network;
}

}  // namespace blindsight::test
