// Convolution of a clear image, fast. Private to the room.
#pragma once

#include <span>
#include <vector>

#include "blindsight/nn/graph.h"

namespace blindsight::nn {

/// Instruction sets that convolutions are compiled for.
enum class ConvolveSet { portable, avx2, avx512 };

/// Those that this machine has, the fastest last.
std::vector<ConvolveSet> convolve_sets();

/// The convolution's value in row-major CHW order. Every element is its bias plus the products in the order of the
/// weights, one rounding an operation, whatever the machine: results are bit-identical everywhere.
std::vector<double> convolve(const Conv& conv, std::span<const double> x, const Shape& in, const Shape& out);

/// The same with a given instruction set. Throws InvalidArgument where the machine lacks it.
std::vector<double> convolve(const Conv& conv, std::span<const double> x, const Shape& in, const Shape& out,
                             ConvolveSet set);

}  // namespace blindsight::nn
