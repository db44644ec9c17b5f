#include "blindsight/compiler/row_placements.h"

#include <algorithm>
#include <bit>
#include <map>
#include <utility>

#include "blindsight/compiler/grid.h"

namespace blindsight::compiler {

namespace {

Layout repeat(std::vector<std::int32_t> period, std::size_t slots) {
  Layout layout;
  for (std::size_t s = 0; s < slots; ++s) layout.element.push_back(period[s % period.size()]);
  return layout;
}

/// Rows with identical columns, in order of first appearance; empty unless every group has the same number of rows.
std::vector<std::vector<std::uint32_t>> group_rows(const nn::SparseMatrix& map) {
  std::map<std::vector<std::uint32_t>, std::size_t> index;
  std::vector<std::vector<std::uint32_t>> groups;
  for (std::uint32_t r = 0; r < map.rows; ++r) {
    const std::vector<std::uint32_t> columns(map.col.begin() + map.row_begin[r],
                                             map.col.begin() + map.row_begin[r + 1]);
    const auto [it, fresh] = index.try_emplace(columns, groups.size());
    if (fresh) groups.emplace_back();
    groups[it->second].push_back(r);
  }
  for (const auto& group : groups) {
    if (group.size() != groups[0].size()) return {};
  }
  return groups;
}

}  // namespace

std::vector<Layout> input_layouts(const nn::SparseMatrix& first, unsigned log_slots) {
  const std::size_t slots = std::size_t{1} << log_slots;
  std::vector<Layout> layouts;
  if (first.cols <= slots) {
    std::vector<std::int32_t> period(std::bit_ceil(first.cols), kZero);
    for (std::size_t i = 0; i < first.cols; ++i) period[i] = static_cast<std::int32_t>(i);
    layouts.push_back(repeat(std::move(period), slots));
  }
  const auto groups = group_rows(first);
  if (groups.size() > 1) {
    std::size_t taps = 0;
    for (const auto& group : groups) {
      taps = std::max<std::size_t>(taps, first.row_begin[group[0] + 1] - first.row_begin[group[0]]);
    }
    const std::size_t padded_groups = std::bit_ceil(groups.size());
    const std::size_t padded_taps = std::bit_ceil(std::max<std::size_t>(1, taps));
    if (padded_groups * padded_taps <= slots) {
      std::vector<std::int32_t> period(padded_groups * padded_taps, kZero);
      for (std::size_t g = 0; g < groups.size(); ++g) {
        const std::uint32_t begin = first.row_begin[groups[g][0]];
        const std::uint32_t end = first.row_begin[groups[g][0] + 1];
        for (std::uint32_t t = 0; t < end - begin; ++t) {
          period[t * padded_groups + g] = static_cast<std::int32_t>(first.col[begin + t]);
        }
      }
      layouts.push_back(repeat(std::move(period), slots));
    }
  }
  return layouts;
}

std::vector<Placement> placements(const nn::SparseMatrix& map, unsigned log_slots) {
  std::vector<std::vector<std::uint32_t>> orders;
  std::vector<std::uint32_t> natural(map.rows);
  for (std::uint32_t r = 0; r < map.rows; ++r) natural[r] = r;
  orders.push_back(natural);
  const auto groups = group_rows(map);
  if (groups.size() > 1 && groups[0].size() > 1) {
    const std::size_t padded = std::bit_ceil(groups.size());
    std::vector<std::uint32_t> order(map.rows);
    for (std::uint32_t g = 0; g < groups.size(); ++g) {
      for (std::uint32_t m = 0; m < groups[g].size(); ++m) {
        order[groups[g][m]] = static_cast<std::uint32_t>(m * padded + g);
      }
    }
    if (order != natural) orders.push_back(std::move(order));
  }
  std::vector<Placement> out;
  for (const auto& order : orders) {
    const unsigned bits = index_bits(*std::max_element(order.begin(), order.end()) + std::size_t{1});
    if (bits > log_slots) continue;
    for (unsigned a = 0; a + bits <= log_slots; ++a) {
      for (unsigned low = 0; low <= a; ++low) {
        if (low != 0 && low + 2 < a) continue;
        for (unsigned high = a + bits; high <= log_slots; ++high) {
          const bool copies = low < a || high > a + bits;
          for (const bool replicate : {false, true}) {
            if (replicate && !copies) continue;
            out.push_back({log_slots, 0, a, bits, low, high, replicate, order});
          }
        }
      }
    }
  }
  return out;
}

}  // namespace blindsight::compiler
