#include "blindsight/compiler/grid.h"

#include <algorithm>
#include <bit>
#include <numeric>

namespace blindsight::compiler {

namespace {

std::uint32_t sum_bits(const std::vector<std::uint32_t>& bits, std::int64_t number) {
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i < bits.size(); ++i) {
    if ((number >> i) & 1) sum |= bits[i];
  }
  return sum;
}

std::uint32_t all_of(const std::vector<std::uint32_t>& bits) {
  return std::accumulate(bits.begin(), bits.end(), std::uint32_t{0});
}

/// `count` bits for channels: the inherited ones and, where these are too few, ordered choices of the free ones as the
/// channel number's lowest or highest bits.
std::vector<std::vector<std::uint32_t>> channel_choices(const std::vector<std::uint32_t>& inherited,
                                                        const std::vector<std::uint32_t>& free, unsigned count) {
  if (count <= inherited.size()) {
    return {{inherited.begin(), inherited.begin() + count}, {inherited.end() - count, inherited.end()}};
  }
  std::vector<std::vector<std::uint32_t>> extensions{{}};
  for (std::size_t i = inherited.size(); i < count; ++i) {
    std::vector<std::vector<std::uint32_t>> longer;
    for (const auto& extension : extensions) {
      for (const std::uint32_t bit : free) {
        if (std::find(extension.begin(), extension.end(), bit) != extension.end()) continue;
        longer.push_back(extension);
        longer.back().push_back(bit);
      }
    }
    extensions = std::move(longer);
  }
  constexpr std::size_t kMost = 12;
  if (extensions.size() > kMost) extensions.resize(kMost);
  std::vector<std::vector<std::uint32_t>> out;
  for (const auto& extension : extensions) {
    std::vector<std::uint32_t> low = extension;
    low.insert(low.end(), inherited.begin(), inherited.end());
    out.push_back(std::move(low));
    if (inherited.empty()) continue;
    std::vector<std::uint32_t> high = inherited;
    high.insert(high.end(), extension.begin(), extension.end());
    out.push_back(std::move(high));
  }
  return out;
}

/// Column of the first weight of row (0, y, x), as a position in the input image; nullopt where that row is empty.
std::optional<std::pair<std::int64_t, std::int64_t>> first_read(const nn::SparseMatrix& map, const nn::Shape& in,
                                                                const nn::Shape& out, std::int64_t y, std::int64_t x) {
  const auto row = static_cast<std::size_t>(y * out[2] + x);
  if (map.row_begin[row] == map.row_begin[row + 1]) return std::nullopt;
  const auto within = static_cast<std::int64_t>(map.col[map.row_begin[row]]) % (in[1] * in[2]);
  return std::pair{within / in[2], within % in[2]};
}

}  // namespace

std::uint32_t Grid::position(std::int64_t c, std::int64_t y, std::int64_t x) const {
  return sum_bits(channel_bits, c) | sum_bits(row_bits, y) | sum_bits(column_bits, x);
}

std::uint32_t Grid::mask() const { return all_of(channel_bits) | all_of(row_bits) | all_of(column_bits); }

std::optional<Placement> placement(const Grid& grid, unsigned log_slots, unsigned max_log_ciphertexts) {
  const auto used = static_cast<unsigned>(std::bit_width(grid.mask()));
  if (used > log_slots + max_log_ciphertexts) return std::nullopt;
  Placement out;
  out.log_slots = log_slots;
  out.log_ciphertexts = used > log_slots ? used - log_slots : 0;
  out.row_bits = used;
  out.high_fold_bit = log_slots;
  out.replicate = used < log_slots;
  out.position.reserve(static_cast<std::size_t>(grid.channels * grid.height * grid.width));
  for (std::int64_t c = 0; c < grid.channels; ++c) {
    for (std::int64_t y = 0; y < grid.height; ++y) {
      const std::uint32_t row = grid.position(c, y, 0);
      for (std::int64_t x = 0; x < grid.width; ++x) out.position.push_back(row | sum_bits(grid.column_bits, x));
    }
  }
  return out;
}

std::vector<Grid> fresh_grids(const nn::Shape& shape) {
  if (shape.size() == 1) return fresh_grids({1, 1, shape[0]});
  if (shape.size() != 3) return {};
  std::vector<Grid> out;
  const unsigned count[] = {index_bits(static_cast<std::size_t>(shape[0])),
                            index_bits(static_cast<std::size_t>(shape[1])),
                            index_bits(static_cast<std::size_t>(shape[2]))};
  for (const auto& order : {std::array{2, 1, 0}, {0, 2, 1}, {2, 0, 1}}) {  // lowest bits first
    Grid grid{shape[0], shape[1], shape[2], {}, {}, {}};
    std::vector<std::uint32_t>* const bits[] = {&grid.channel_bits, &grid.row_bits, &grid.column_bits};
    unsigned next = 0;
    for (const int axis : order) {
      for (unsigned i = 0; i < count[axis]; ++i) bits[axis]->push_back(std::uint32_t{1} << next++);
    }
    if (std::find(out.begin(), out.end(), grid) == out.end()) out.push_back(std::move(grid));
  }
  return out;
}

std::optional<Stride> stride_of(const nn::SparseMatrix& map, const nn::Shape& in, const nn::Shape& out) {
  if (in.size() != 3 || out.size() != 3) return std::nullopt;
  // From the middle of the image, where no border cuts the window off.
  const std::int64_t y = out[1] / 2, x = out[2] / 2;
  const auto step = [&](std::int64_t dy, std::int64_t dx) -> std::optional<std::int64_t> {
    const auto a = first_read(map, in, out, y - dy, x - dx);
    const auto b = first_read(map, in, out, y, x);
    if (!a || !b) return std::nullopt;
    const std::int64_t moved = dy > 0 ? b->first - a->first : b->second - a->second;
    const std::int64_t across = dy > 0 ? b->second - a->second : b->first - a->first;
    if (across != 0 || moved < 1 || !std::has_single_bit(static_cast<std::uint64_t>(moved))) return std::nullopt;
    return moved;
  };
  Stride stride;
  const auto rows = y > 0 ? step(1, 0) : std::optional<std::int64_t>(1);
  const auto columns = x > 0 ? step(0, 1) : std::optional<std::int64_t>(1);
  if (!rows || !columns) return std::nullopt;
  stride.rows = *rows;
  stride.columns = *columns;
  return stride;
}

std::vector<Grid> inherited_grids(const Grid& from, const nn::Shape& out, Stride stride) {
  if (out.size() != 3) return {};
  const auto skip_rows = static_cast<std::size_t>(std::countr_zero(static_cast<std::uint64_t>(stride.rows)));
  const auto skip_columns = static_cast<std::size_t>(std::countr_zero(static_cast<std::uint64_t>(stride.columns)));
  const std::size_t rows = index_bits(static_cast<std::size_t>(out[1]));
  const std::size_t columns = index_bits(static_cast<std::size_t>(out[2]));
  if (from.row_bits.size() < skip_rows + rows || from.column_bits.size() < skip_columns + columns) return {};
  Grid grid{out[0], out[1], out[2], {}, {}, {}};
  grid.row_bits.assign(from.row_bits.begin() + static_cast<std::ptrdiff_t>(skip_rows),
                       from.row_bits.begin() + static_cast<std::ptrdiff_t>(skip_rows + rows));
  grid.column_bits.assign(from.column_bits.begin() + static_cast<std::ptrdiff_t>(skip_columns),
                          from.column_bits.begin() + static_cast<std::ptrdiff_t>(skip_columns + columns));
  const std::uint32_t taken = grid.mask() | all_of(from.channel_bits);
  const auto top = static_cast<unsigned>(std::bit_width(from.mask()));
  const unsigned wanted = index_bits(static_cast<std::size_t>(out[0]));
  std::vector<std::uint32_t> free;
  for (unsigned b = 0; b < top; ++b) {
    if ((taken >> b & 1) == 0) free.push_back(std::uint32_t{1} << b);
  }
  // Where the free bits don't suffice, channels grow upwards.
  for (unsigned b = top; from.channel_bits.size() + free.size() < wanted; ++b) free.push_back(std::uint32_t{1} << b);
  std::vector<Grid> grids;
  for (auto& channels : channel_choices(from.channel_bits, free, wanted)) {
    grid.channel_bits = std::move(channels);
    if (std::find(grids.begin(), grids.end(), grid) == grids.end()) grids.push_back(grid);
  }
  return grids;
}

Grid deep_grid(const nn::Shape& in, Stride stride, unsigned unit) {
  Grid grid{in[0], in[1], in[2], {}, {}, {}};
  unsigned next = 0;
  const auto take = [&next](std::vector<std::uint32_t>& bits, unsigned up_to) {
    while (bits.size() < up_to) bits.push_back(std::uint32_t{1} << next++);
  };
  const auto bits_of = [&](std::size_t axis) { return index_bits(static_cast<std::size_t>(in[axis])); };
  const auto skipped = [](std::int64_t step) {
    return static_cast<unsigned>(std::countr_zero(static_cast<std::uint64_t>(step)));
  };
  take(grid.channel_bits, bits_of(0));
  take(grid.column_bits, std::min(bits_of(2), skipped(stride.columns)));
  take(grid.row_bits, std::min(bits_of(1), skipped(stride.rows)));
  next = std::max(next, unit);
  take(grid.column_bits, bits_of(2));
  take(grid.row_bits, bits_of(1));
  return grid;
}

Layout with_copies(const Grid& grid, const Placement& placement) {
  Layout layout = placement.layout();
  const std::uint32_t mask = grid.mask(), free = (std::bit_ceil(mask) - 1) & ~mask;
  for (std::uint32_t s = 0; s < layout.element.size(); ++s) layout.element[s] = layout.element[s & ~free];
  return layout;
}

std::vector<Grid> compacted(const Grid& grid, unsigned bits) {
  const std::uint32_t mask = grid.mask(), within = (std::uint32_t{1} << bits) - 1;
  if ((mask & ~within) == 0) return {grid};
  const std::uint32_t top = std::bit_floor(mask), free = within & ~mask;
  if (free == 0) return {};
  std::vector<Grid> out;
  for (const std::uint32_t to : {free & -free, std::bit_floor(free)}) {
    Grid moved = grid;
    for (auto* axis : {&moved.channel_bits, &moved.row_bits, &moved.column_bits}) {
      std::replace(axis->begin(), axis->end(), top, to);
    }
    for (Grid& compact : compacted(moved, bits)) {
      if (std::find(out.begin(), out.end(), compact) == out.end()) out.push_back(std::move(compact));
    }
  }
  return out;
}

}  // namespace blindsight::compiler
