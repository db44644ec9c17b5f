// Random chains of affine maps.
#pragma once

#include <cmath>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "blindsight/nn/affine.h"

namespace blindsight::test {

/// `density` of the weights are not zero; values of about 1/sqrt(non-zeros a row).
inline nn::SparseAffine random_map(std::mt19937_64& random, std::size_t rows, std::size_t cols, double density) {
  std::normal_distribution<double> normal;
  std::uniform_real_distribution<double> uniform;
  nn::SparseAffine map;
  map.rows = rows;
  map.cols = cols;
  map.row_begin.push_back(0);
  map.name = "map" + std::to_string(rows) + "x" + std::to_string(cols);
  for (std::size_t r = 0; r < rows; ++r) {
    for (std::uint32_t c = 0; c < cols; ++c) {
      if (uniform(random) >= density) continue;
      map.col.push_back(c);
      map.value.push_back(normal(random) / std::sqrt(density * static_cast<double>(cols) + 1));
    }
    map.row_begin.push_back(static_cast<std::uint32_t>(map.col.size()));
    map.bias.push_back(0.1 * normal(random));
  }
  return map;
}

inline nn::QuadraticChain random_chain(std::uint64_t seed, const std::vector<std::size_t>& widths, double density = 1) {
  std::mt19937_64 random(seed);
  nn::QuadraticChain chain;
  chain.input_shape = {1, 1, static_cast<std::int64_t>(widths[0])};
  for (std::size_t i = 0; i + 1 < widths.size(); ++i) {
    chain.affine.push_back(random_map(random, widths[i + 1], widths[i], density));
  }
  return chain;
}

/// A one-channel convolution without padding.
inline nn::SparseAffine convolution(std::mt19937_64& random, std::size_t side, std::size_t kernel, std::size_t stride,
                                    std::size_t channels) {
  std::normal_distribution<double> normal;
  const std::size_t out = (side - kernel) / stride + 1;
  nn::SparseAffine map;
  map.rows = channels * out * out;
  map.cols = side * side;
  map.row_begin.push_back(0);
  map.name = "conv";
  for (std::size_t m = 0; m < channels; ++m) {
    std::vector<double> weight(kernel * kernel);
    for (double& w : weight) w = normal(random) / static_cast<double>(kernel);
    for (std::size_t g = 0; g < out * out; ++g) {
      for (std::size_t t = 0; t < kernel * kernel; ++t) {
        map.col.push_back(
            static_cast<std::uint32_t>((g / out * stride + t / kernel) * side + g % out * stride + t % kernel));
        map.value.push_back(weight[t]);
      }
      map.row_begin.push_back(static_cast<std::uint32_t>(map.col.size()));
      map.bias.push_back(0.1);
    }
  }
  return map;
}

inline std::vector<double> random_vector(std::uint64_t seed, std::size_t size, double bound = 1) {
  std::mt19937_64 random(seed);
  std::uniform_real_distribution<double> uniform(-bound, bound);
  std::vector<double> x(size);
  for (double& v : x) v = uniform(random);
  return x;
}

}  // namespace blindsight::test
