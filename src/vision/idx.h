// The idx format of MNIST: a big-endian header (two zeros, type, number of dimensions, the dimensions), then the
// values.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "blindsight/base/bytes.h"

namespace blindsight::vision {

struct IdxArray {
  std::vector<std::uint32_t> shape;
  Bytes values;  ///< row-major
};

/// Arrays of unsigned bytes (type 8) with `dimensions` (1 to 4) dimensions.
/// Throws FormatError, naming `what`, where the bytes are anything else or not exactly as many as the shape says.
IdxArray parse_idx(std::span<const std::uint8_t> data, int dimensions, const std::string& what);

}  // namespace blindsight::vision
