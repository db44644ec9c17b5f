// Layouts of image tensors: every bit of a channel, row or column number is a bit of the slot number.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "blindsight/compiler/cover.h"
#include "blindsight/nn/network.h"

namespace blindsight::compiler {

/// Bits of a number below `count`.
inline unsigned index_bits(std::size_t count) {
  return count <= 1 ? 0 : static_cast<unsigned>(std::bit_width(count - 1));
}

/// Element (c, y, x) of a C×H×W tensor stands in the slot whose number is the sum of these powers of two over the bits
/// set in c, y and x, lowest bit first. After a stride the columns (and rows) that fall away leave bits that channels
/// take over: the multiplexed layout (Lee et al. 2022, "Low-complexity deep convolutional neural networks on fully
/// homomorphic encryption using multiplexed parallel convolutions", section 4).
struct Grid {
  std::int64_t channels = 0, height = 0, width = 0;
  std::vector<std::uint32_t> channel_bits, row_bits, column_bits;

  std::uint32_t position(std::int64_t c, std::int64_t y, std::int64_t x) const;
  /// All bits in use.
  std::uint32_t mask() const;
  bool operator==(const Grid&) const = default;
};

/// The tensor's rows in row-major CHW order, placed by the grid; copies in the bits above the highest used one.
/// nullopt where the grid needs more than `max_log_ciphertexts` ciphertexts of 2^log_slots slots allow.
std::optional<Placement> placement(const Grid& grid, unsigned log_slots, unsigned max_log_ciphertexts);

/// Grids made for the tensor alone: channels outermost, innermost, and between rows and columns; powers of two. A
/// vector is an image of one row.
std::vector<Grid> fresh_grids(const nn::Shape& shape);

/// By how many input rows and columns a map's rows move when the output position moves by one.
struct Stride {
  std::int64_t rows = 1, columns = 1;
};
/// nullopt unless the map moves like a convolution from `in` to `out`, by powers of two.
std::optional<Stride> stride_of(const nn::SparseMatrix& map, const nn::Shape& in, const nn::Shape& out);

/// Grids of a tensor of shape `out` that a map of that stride makes of one on `from`: positions stay where they are,
/// new channels go to the bits that the stride, or smaller tensors before it, left free.
std::vector<Grid> inherited_grids(const Grid& from, const nn::Shape& out, Stride stride);

/// Grid of a tensor of shape `in` that a map of that stride reads: channels innermost, then the bits of rows and
/// columns that the stride skips, then, from bit `unit` on where that is higher, the others. What the map makes of it
/// can have 2^unit channels innermost: then no weight depends on the position. Space-to-depth, done by whoever packs
/// the input.
Grid deep_grid(const nn::Shape& in, Stride stride, unsigned unit);

/// The grid's layout with copies in the free bits below its highest.
Layout with_copies(const Grid& grid, const Placement& placement);

/// Grids of the same tensor that use only the `bits` lowest bits: the ones above change places with free ones. Empty
/// where there are too few; the grid itself where nothing stands above.
std::vector<Grid> compacted(const Grid& grid, unsigned bits);

}  // namespace blindsight::compiler
