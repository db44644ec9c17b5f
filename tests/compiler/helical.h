// Convolutions whose borders wrap as row-major positions do: left of a row stands the end of the row above.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "blindsight/nn/network.h"
#include "hand_made.h"

namespace blindsight::test {

/// 3 x 3, stride 1, random weights, from a tensor of shape `in` to one of that many channels.
inline nn::SparseMatrix helical_map(const nn::Shape& in, std::int64_t channels, std::uint64_t seed) {
  const std::int64_t positions = in[1] * in[2];
  const std::vector<double> weight = uniform(seed, static_cast<std::size_t>(channels * in[0] * 9));
  nn::SparseMatrix map;
  map.rows = static_cast<std::size_t>(channels * positions);
  map.cols = static_cast<std::size_t>(in[0] * positions);
  map.row_begin.push_back(0);
  for (std::int64_t o = 0; o < channels; ++o) {
    for (std::int64_t p = 0; p < positions; ++p) {
      for (std::int64_t i = 0; i < in[0]; ++i) {
        std::vector<std::pair<std::uint32_t, double>> taps;
        for (std::int64_t tap = 0; tap < 9; ++tap) {
          const std::int64_t q = (p + (tap / 3 - 1) * in[2] + tap % 3 - 1 + positions) % positions;
          taps.emplace_back(i * positions + q, weight[static_cast<std::size_t>((o * in[0] + i) * 9 + tap)]);
        }
        std::sort(taps.begin(), taps.end());
        for (const auto& [column, w] : taps) {
          map.col.push_back(column);
          map.value.push_back(w);
        }
      }
      map.row_begin.push_back(static_cast<std::uint32_t>(map.col.size()));
    }
  }
  return map;
}

/// Such convolutions, squares between them, and a dense layer of ten rows.
inline nn::QuadraticNetwork helical_network(const nn::Shape& in, const std::vector<std::int64_t>& channels) {
  nn::QuadraticNetwork network;
  network.input_shape = in;
  nn::Shape shape = in;
  const auto add = [&](nn::Shape to, nn::SparseMatrix map) {
    nn::Stage stage;
    stage.name = "stage " + std::to_string(network.stages.size());
    stage.shape = to;
    stage.bias = uniform(network.stages.size(), map.rows);
    stage.terms.push_back({network.stages.size(), !network.stages.empty(), std::move(map)});
    network.stages.push_back(std::move(stage));
    shape = std::move(to);
  };
  for (const std::int64_t count : channels) {
    add({count, in[1], in[2]}, helical_map(shape, count, network.stages.size() + 7));
  }
  nn::SparseMatrix dense;
  dense.rows = 10;
  dense.cols = static_cast<std::size_t>(nn::element_count(shape));
  dense.value = uniform(3, dense.rows * dense.cols);
  dense.row_begin.push_back(0);
  for (std::size_t r = 0; r < dense.rows; ++r) {
    for (std::size_t c = 0; c < dense.cols; ++c) dense.col.push_back(static_cast<std::uint32_t>(c));
    dense.row_begin.push_back(static_cast<std::uint32_t>(dense.col.size()));
  }
  add({10}, std::move(dense));
  return network;
}

}  // namespace blindsight::test
