// Random maps and small networks for the tests of the compiler.
#pragma once

#include <cstdint>
#include <random>
#include <vector>

#include "blindsight/nn/network.h"
#include "graph_builder.h"

namespace blindsight::test {

inline nn::SparseMatrix random_map(std::uint64_t seed, std::size_t rows, std::size_t cols, double density) {
  std::mt19937_64 random(seed);
  const auto real = [&] { return static_cast<double>(random() >> 11) * 0x1p-53; };
  nn::SparseMatrix map;
  map.rows = rows;
  map.cols = cols;
  map.row_begin.push_back(0);
  for (std::size_t r = 0; r < rows; ++r) {
    for (std::size_t c = 0; c < cols; ++c) {
      if (real() >= density) continue;
      map.col.push_back(static_cast<std::uint32_t>(c));
      map.value.push_back(0.5 + real());
    }
    map.row_begin.push_back(static_cast<std::uint32_t>(map.col.size()));
  }
  return map;
}

/// Fully connected layers of these widths, squares between them.
inline nn::QuadraticNetwork perceptron(std::uint64_t seed, const std::vector<std::int64_t>& widths) {
  nn::testing::GraphBuilder builder(seed, {1, 1, widths[0]});
  for (std::size_t i = 1; i < widths.size(); ++i) {
    if (i > 1) builder.square();
    builder.dense(widths[i]);
  }
  return nn::to_network(builder.build());
}

/// The matrix of a convolution of an image of shape `in`.
inline nn::SparseMatrix convolution(const nn::Shape& in, const nn::testing::GraphBuilder::ConvSpec& spec,
                                    nn::Shape* out = nullptr) {
  nn::testing::GraphBuilder builder(1, in);
  builder.conv(spec);
  if (out != nullptr) *out = builder.shape();
  builder.square().dense(1);
  return nn::to_network(builder.build()).stages[0].terms[0].matrix;
}

}  // namespace blindsight::test
