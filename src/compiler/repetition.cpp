#include "blindsight/compiler/repetition.h"

#include <algorithm>

namespace blindsight::compiler {

namespace {

/// Slots moved by 2^log_step, cyclically in every ciphertext.
class Move {
 public:
  /// `rows`: by slot, of what the map makes.
  Move(const Layout& input, const nn::SparseMatrix& map, const std::vector<std::int32_t>& rows, std::size_t slots,
       unsigned log_step)
      : map_(map), slot_mask_(slots - 1), step_(std::size_t{1} << log_step) {
    well_defined_ = follow(input.element, map.cols, columns_) && follow(rows, map.rows, rows_);
  }

  /// Whether it takes elements to elements.
  bool well_defined() const { return well_defined_; }

  /// Whether a row's weights are those of the row that it moves to.
  bool keeps(std::size_t row) const {
    if (rows_[row] == kZero) return false;
    const auto to = static_cast<std::size_t>(rows_[row]);
    const std::uint32_t first = map_.row_begin[to], end = map_.row_begin[to + 1];
    if (end - first != map_.row_begin[row + 1] - map_.row_begin[row]) return false;
    std::uint32_t at = first;  // neighbours mostly stay neighbours
    for (std::uint32_t i = map_.row_begin[row]; i < map_.row_begin[row + 1]; ++i, ++at) {
      if (columns_[map_.col[i]] == kZero) return false;
      const auto column = static_cast<std::uint32_t>(columns_[map_.col[i]]);
      if (at >= end || map_.col[at] != column) {
        const auto found = std::lower_bound(map_.col.begin() + first, map_.col.begin() + end, column);
        at = static_cast<std::uint32_t>(found - map_.col.begin());
        if (at == end || map_.col[at] != column) return false;
      }
      if (map_.value[at] != map_.value[i]) return false;
    }
    return true;
  }

 private:
  /// Where elements move to; false where copies of one move to different ones.
  bool follow(const std::vector<std::int32_t>& element, std::size_t count, std::vector<std::int32_t>& to) const {
    to.assign(count, kZero);
    for (std::size_t s = 0; s < element.size(); ++s) {
      const std::int32_t from = element[s], next = element[(s & ~slot_mask_) | ((s + step_) & slot_mask_)];
      if ((from < 0) != (next < 0)) return false;
      if (from < 0) continue;
      std::int32_t& known = to[static_cast<std::size_t>(from)];
      if (known != kZero && known != next) return false;
      known = next;
    }
    return true;
  }

  const nn::SparseMatrix& map_;
  std::size_t slot_mask_, step_;
  bool well_defined_ = false;
  std::vector<std::int32_t> columns_, rows_;
};

}  // namespace

unsigned log_repetition(const Layout& input, const nn::SparseMatrix& map, const Placement& placement) {
  unsigned log_step = placement.log_slots;
  if (placement.folds() != 0) return log_step;
  const std::vector<std::int32_t> rows = placement.rows();
  // Looks at every so many rows, one of which refuses most maps, or at all of them.
  const auto repeats = [&](unsigned after, std::size_t apart) {
    const Move move(input, map, rows, placement.slots(), after);
    if (!move.well_defined()) return false;
    for (std::size_t row = 0; row < map.rows; row += apart) {
      if (!move.keeps(row)) return false;
    }
    return true;
  };
  while (log_step > 0 && repeats(log_step - 1, 97)) --log_step;
  while (log_step < placement.log_slots && !repeats(log_step, 1)) ++log_step;
  return log_step;
}

nn::SparseMatrix first_repetition(const nn::SparseMatrix& map, const Placement& placement, unsigned log_slots) {
  std::vector<bool> kept(map.rows, false);
  const std::vector<std::int32_t> rows = placement.rows();
  for (std::size_t s = 0; s < rows.size(); ++s) {
    if ((s & (placement.slots() - 1)) >> log_slots == 0 && rows[s] >= 0) kept[static_cast<std::size_t>(rows[s])] = true;
  }
  nn::SparseMatrix out;
  out.rows = map.rows;
  out.cols = map.cols;
  out.row_begin.assign(1, 0);
  for (std::size_t r = 0; r < map.rows; ++r) {
    if (kept[r]) {
      const auto first = static_cast<std::ptrdiff_t>(map.row_begin[r]);
      const auto end = static_cast<std::ptrdiff_t>(map.row_begin[r + 1]);
      out.col.insert(out.col.end(), map.col.begin() + first, map.col.begin() + end);
      out.value.insert(out.value.end(), map.value.begin() + first, map.value.begin() + end);
    }
    out.row_begin.push_back(static_cast<std::uint32_t>(out.col.size()));
  }
  return out;
}

}  // namespace blindsight::compiler
