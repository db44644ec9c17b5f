#include "blindsight/compiler/cover.h"

#include <algorithm>
#include <bit>

#include "blindsight/base/error.h"

namespace blindsight::compiler {

std::uint32_t Placement::fold_mask() const {
  const std::uint32_t low = (std::uint32_t{1} << low_folds) - 1;
  const auto high = static_cast<std::uint32_t>(slots() - (std::size_t{1} << high_fold_bit));
  return low | high;
}

std::vector<std::int32_t> Placement::rows() const {
  const std::size_t total = slots() * ciphertexts();
  const std::uint32_t row_mask = (std::uint32_t{1} << row_bits) - 1;
  std::vector<std::int32_t> at(std::size_t{1} << row_bits, -1);
  for (std::size_t r = 0; r < position.size(); ++r) at[position[r]] = static_cast<std::int32_t>(r);
  const std::uint32_t copies = static_cast<std::uint32_t>(total - 1) & ~fold_mask() & ~(row_mask << row_bit);
  std::vector<std::int32_t> row(total, -1);
  for (std::uint32_t s = 0; s < total; ++s) {
    if (!replicate && (s & copies) != 0) continue;
    row[s] = at[(s >> row_bit) & row_mask];
  }
  return row;
}

Layout Placement::layout() const {
  const std::uint32_t low = (std::uint32_t{1} << low_folds) - 1;
  Layout out;
  out.element = rows();
  for (std::uint32_t s = 0; s < out.element.size(); ++s) {
    if ((s & low) != 0) {
      out.element[s] = kAnything;
    } else if (out.element[s] < 0) {
      out.element[s] = kZero;
    }
  }
  return out;
}

std::vector<int> Placement::fold_rotations() const {
  std::vector<int> folds;
  for (unsigned b = high_fold_bit; b < log_slots; ++b) folds.push_back(1 << b);
  for (unsigned b = 0; b < low_folds; ++b) folds.push_back(1 << b);
  return folds;
}

SlotsOfElement::SlotsOfElement(const Layout& layout, std::size_t elements) : begin(elements + 1, 0) {
  for (const std::int32_t e : layout.element) {
    if (e >= 0) ++begin[static_cast<std::size_t>(e) + 1];
  }
  for (std::size_t i = 0; i < elements; ++i) begin[i + 1] += begin[i];
  slot.resize(begin.back());
  std::vector<std::uint32_t> next(begin.begin(), begin.end() - 1);
  for (std::uint32_t s = 0; s < layout.element.size(); ++s) {
    if (layout.element[s] >= 0) slot[next[static_cast<std::size_t>(layout.element[s])]++] = s;
  }
}

namespace {

/// The sums that have to be built: one a row and copy. Slots of sum i are its base plus the fold offsets.
struct Sums {
  std::vector<std::uint32_t> base;
  std::vector<std::int32_t> row;
  std::vector<std::int32_t> of_slot;
  std::vector<std::uint32_t> offsets;
};

Sums sums_of(const Placement& placement) {
  Sums sums;
  const std::uint32_t mask = placement.fold_mask();
  const std::vector<std::int32_t> rows = placement.rows();
  const auto n = static_cast<std::uint32_t>(rows.size());
  sums.of_slot.assign(n, -1);
  for (std::uint32_t s = 0; s < n; ++s) {
    if ((s & ~mask) == 0) sums.offsets.push_back(s);
    if ((s & mask) == 0 && rows[s] >= 0) {
      sums.of_slot[s] = static_cast<std::int32_t>(sums.base.size());
      sums.base.push_back(s);
      sums.row.push_back(rows[s]);
    }
  }
  for (std::uint32_t s = 0; s < n; ++s) sums.of_slot[s] = sums.of_slot[s & ~mask];
  return sums;
}

/// (row, column) → index of the non-zero, densely where memory allows.
class Finder {
 public:
  explicit Finder(const nn::SparseMatrix& map) : map_(map) {
    if (map.rows * map.cols <= (std::size_t{1} << 24)) {
      dense_.assign(map.rows * map.cols, -1);
      for (std::size_t r = 0; r < map.rows; ++r) {
        for (std::uint32_t i = map.row_begin[r]; i < map.row_begin[r + 1]; ++i) {
          dense_[r * map.cols + map.col[i]] = static_cast<std::int32_t>(i);
        }
      }
    }
  }
  std::int32_t operator()(std::int32_t row, std::int32_t col) const {
    const auto r = static_cast<std::size_t>(row);
    const auto c = static_cast<std::uint32_t>(col);
    if (!dense_.empty()) return dense_[r * map_.cols + c];
    const auto first = map_.col.begin() + map_.row_begin[r];
    const auto last = map_.col.begin() + map_.row_begin[r + 1];
    const auto it = std::lower_bound(first, last, c);
    return it != last && *it == c ? static_cast<std::int32_t>(it - map_.col.begin()) : -1;
  }

 private:
  const nn::SparseMatrix& map_;
  std::vector<std::int32_t> dense_;
};

/// More regular rotations first: multiples of larger powers of two, then smaller ones.
bool more_regular(std::uint32_t a, std::uint32_t b) {
  const int za = a == 0 ? 32 : std::countr_zero(a);
  const int zb = b == 0 ? 32 : std::countr_zero(b);
  return za != zb ? za > zb : a < b;
}

/// Rotations between all pairs of an input's and an output's ciphertexts, as one number.
class Rotations {
 public:
  Rotations(unsigned log_slots, std::size_t inputs, std::size_t outputs)
      : log_slots_(log_slots), mask_((std::uint32_t{1} << log_slots) - 1), inputs_(inputs), outputs_(outputs) {}
  std::size_t count() const { return (inputs_ * outputs_) << log_slots_; }
  std::uint32_t number(std::uint32_t input_slot, std::uint32_t output_slot) const {
    const std::size_t pair = (output_slot >> log_slots_) * inputs_ + (input_slot >> log_slots_);
    return static_cast<std::uint32_t>(pair << log_slots_) | ((input_slot - output_slot) & mask_);
  }
  std::uint32_t rotation(std::uint32_t number) const { return number & mask_; }
  /// The same between the same ciphertexts, by less than `period`.
  std::uint32_t shortest(std::uint32_t number, std::size_t period) const {
    return number & ~(mask_ & ~static_cast<std::uint32_t>(period - 1));
  }
  CoveringDiagonal diagonal(std::uint32_t number) const {
    const std::size_t pair = number >> log_slots_;
    return {
        static_cast<std::uint32_t>(pair % inputs_), static_cast<std::uint32_t>(pair / inputs_), rotation(number), {}};
  }
  /// Slot of the input tensor that output slot s (of that rotation's output ciphertext) reads.
  std::uint32_t input_slot(std::uint32_t number, std::uint32_t s) const {
    const auto input = static_cast<std::uint32_t>((number >> log_slots_) % inputs_);
    return (input << log_slots_) | ((s + number) & mask_);
  }
  std::uint32_t first_output_slot(std::uint32_t number) const {
    return static_cast<std::uint32_t>((number >> log_slots_) / inputs_) << log_slots_;
  }

 private:
  unsigned log_slots_;
  std::uint32_t mask_;
  std::size_t inputs_, outputs_;
};

using Result = std::optional<std::vector<CoveringDiagonal>>;

/// Where every sum stands in one slot only, and every element in one of each `period`, with which the input repeats,
/// there is nothing to choose: rotations that differ by a period do the same.
Result forced_cover(const SlotsOfElement& slots_of, const nn::SparseMatrix& map, const Sums& sums,
                    const Rotations& rotations, std::size_t period, std::size_t limit, Weights weights,
                    std::size_t slots) {
  std::vector<std::int32_t> index(rotations.count(), -1);
  std::vector<std::uint32_t> numbers;
  std::vector<std::vector<double>> diagonals;
  const auto mask = static_cast<std::uint32_t>(slots - 1);
  for (std::size_t i = 0; i < sums.base.size(); ++i) {
    const std::uint32_t base = sums.base[i];
    for (std::uint32_t j = map.row_begin[sums.row[i]]; j < map.row_begin[sums.row[i] + 1]; ++j) {
      const std::uint32_t number =
          rotations.shortest(rotations.number(slots_of.slot[slots_of.begin[map.col[j]]], base), period);
      std::int32_t& at = index[number];
      if (at < 0) {
        if (numbers.size() == limit) return std::nullopt;
        at = static_cast<std::int32_t>(numbers.size());
        numbers.push_back(number);
        if (weights == Weights::kFill) diagonals.emplace_back(slots, 0.0);
      }
      if (weights == Weights::kFill) diagonals[static_cast<std::size_t>(at)][base & mask] = map.value[j];
    }
  }
  std::vector<CoveringDiagonal> out;
  std::sort(numbers.begin(), numbers.end());
  for (const std::uint32_t number : numbers) {
    out.push_back(rotations.diagonal(number));
    if (weights == Weights::kFill) out.back().weight = std::move(diagonals[static_cast<std::size_t>(index[number])]);
  }
  return out;
}

Result greedy_cover(const Layout& input, const SlotsOfElement& slots_of, const nn::SparseMatrix& map, const Sums& sums,
                    const Rotations& rotations, std::size_t limit, Weights weights, std::size_t slots) {
  const Finder find(map);
  std::vector<std::size_t> first_unit(sums.base.size() + 1, 0);
  for (std::size_t i = 0; i < sums.base.size(); ++i) {
    first_unit[i + 1] = first_unit[i] + (map.row_begin[sums.row[i] + 1] - map.row_begin[sums.row[i]]);
  }
  std::size_t left = first_unit.back();
  std::vector<bool> covered(left, false);

  // count[k]: products not covered yet that rotation k would cover.
  std::vector<std::int32_t> count(rotations.count(), 0);
  std::vector<std::uint32_t> stamp(rotations.count(), 0);
  std::uint32_t now = 0;
  const auto add_candidates = [&](std::uint32_t base, std::uint32_t column, std::int32_t amount) {
    ++now;
    const std::uint32_t* const begin = slots_of.slot.data() + slots_of.begin[column];
    const std::uint32_t* const end = slots_of.slot.data() + slots_of.begin[column + 1];
    for (const std::uint32_t offset : sums.offsets) {
      const std::uint32_t s = base + offset;
      for (const std::uint32_t* t = begin; t != end; ++t) {
        const std::uint32_t k = rotations.number(*t, s);
        const bool fresh = stamp[k] != now;
        stamp[k] = now;
        count[k] += fresh ? amount : 0;
      }
    }
  };
  for (std::size_t i = 0; i < sums.base.size(); ++i) {
    for (std::uint32_t j = map.row_begin[sums.row[i]]; j < map.row_begin[sums.row[i] + 1]; ++j) {
      add_candidates(sums.base[i], map.col[j], 1);
    }
  }

  std::vector<std::pair<std::uint32_t, std::vector<double>>> chosen;
  while (left > 0) {
    std::uint32_t best = 0;
    for (std::uint32_t k = 1; k < count.size(); ++k) {
      if (count[k] > count[best] ||
          (count[k] == count[best] && more_regular(rotations.rotation(k), rotations.rotation(best)))) {
        best = k;
      }
    }
    const auto most = static_cast<std::size_t>(count[best]);
    if (chosen.size() + (left + most - 1) / most > limit) return std::nullopt;
    std::vector<double> diagonal(weights == Weights::kFill ? slots : 0, 0.0);
    const std::uint32_t first = rotations.first_output_slot(best);
    for (std::uint32_t s = 0; s < slots; ++s) {
      const std::int32_t sum = sums.of_slot[first + s];
      if (sum < 0) continue;
      const std::int32_t column = input.element[rotations.input_slot(best, s)];
      if (column < 0) continue;
      const std::int32_t row = sums.row[sum];
      const std::int32_t entry = find(row, column);
      if (entry < 0) continue;
      const std::size_t unit = first_unit[sum] + (static_cast<std::uint32_t>(entry) - map.row_begin[row]);
      if (covered[unit]) continue;
      covered[unit] = true;
      --left;
      if (weights == Weights::kFill) diagonal[s] = map.value[entry];
      add_candidates(sums.base[sum], static_cast<std::uint32_t>(column), -1);
    }
    chosen.emplace_back(best, std::move(diagonal));
  }
  // Ascending rotations: the order in which they were found means nothing.
  std::sort(chosen.begin(), chosen.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<CoveringDiagonal> out;
  for (auto& [number, weight] : chosen) {
    out.push_back(rotations.diagonal(number));
    out.back().weight = std::move(weight);
  }
  return out;
}

}  // namespace

std::size_t units(const nn::SparseMatrix& map, const Placement& placement) {
  std::size_t count = 0;
  const Sums sums = sums_of(placement);
  for (const std::int32_t row : sums.row) count += map.row_begin[row + 1] - map.row_begin[row];
  return count;
}

std::optional<std::vector<CoveringDiagonal>> cover(const Layout& input, const SlotsOfElement& slots_of,
                                                   const nn::SparseMatrix& map, const Placement& placement,
                                                   std::size_t limit, Weights weights, double work_limit) {
  const Sums sums = sums_of(placement);
  const std::size_t slots = placement.slots();
  const std::size_t period = input.element.size() == slots ? std::size_t{1} << log_period_of(input) : slots;
  double work = 0;
  bool forced = sums.offsets.size() == 1;
  for (const std::int32_t row : sums.row) {
    for (std::uint32_t j = map.row_begin[row]; j < map.row_begin[row + 1]; ++j) {
      const std::uint32_t copies = slots_of.begin[map.col[j] + 1] - slots_of.begin[map.col[j]];
      if (copies == 0) throw InvalidArgument("column " + std::to_string(map.col[j]) + " stands in no slot");
      forced = forced && copies == slots / period;
      work += static_cast<double>(copies) * static_cast<double>(sums.offsets.size());
    }
  }
  if (work > work_limit) return std::nullopt;
  const Rotations rotations(placement.log_slots, input.element.size() / slots, placement.ciphertexts());
  return forced ? forced_cover(slots_of, map, sums, rotations, period, limit, weights, slots)
                : greedy_cover(input, slots_of, map, sums, rotations, limit, weights, slots);
}

}  // namespace blindsight::compiler
