// Dense row-major arrays of doubles: all that the clear side of a network needs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace blindsight::nn {

/// Extents, outermost first. Images are {channels, height, width}, vectors {length}; there is no batch axis.
using Shape = std::vector<std::int64_t>;

/// A dense array in row-major order; `data.size() == element_count(shape)`.
struct Tensor {
  Shape shape;
  std::vector<double> data;
};

/// No tensor of a network, weights included, may hold more elements than this.
inline constexpr std::int64_t kMaxElements = std::int64_t{1} << 28;

/// No image, activation or result may hold more elements than this.
inline constexpr std::int64_t kMaxActivationElements = std::int64_t{1} << 22;

/// Product of the extents (1 for a scalar).
/// Throws InvalidArgument where an extent is below 1 or the product exceeds kMaxElements.
std::int64_t element_count(const Shape& shape);

/// "4x8x8"; "scalar" for an empty shape.
std::string to_string(const Shape& shape);

}  // namespace blindsight::nn
