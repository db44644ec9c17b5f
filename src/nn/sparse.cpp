#include "blindsight/nn/sparse.h"

#include <algorithm>

#include "blindsight/base/error.h"
#include "blindsight/nn/windows.h"

namespace blindsight::nn {
namespace {

[[noreturn]] void refuse_size(std::size_t nonzeros) {
  throw UnsupportedModel("a merged linear layer would have " + std::to_string(nonzeros) +
                         " nonzero weights, more than " + std::to_string(kMaxNonzeros) +
                         "; use a smaller layer, or put an activation between");
}

SparseAffine empty_map(std::size_t rows, std::size_t cols, std::size_t nonzeros) {
  if (nonzeros > kMaxNonzeros) refuse_size(nonzeros);
  SparseAffine map;
  map.rows = rows;
  map.cols = cols;
  map.row_begin.reserve(rows + 1);
  map.row_begin.push_back(0);
  map.bias.reserve(rows);
  return map;
}

void push(SparseAffine& map, std::size_t col, double value) {
  if (value == 0) return;
  map.col.push_back(static_cast<std::uint32_t>(col));
  map.value.push_back(value);
}

void end_row(SparseAffine& map, double bias) {
  map.row_begin.push_back(static_cast<std::uint32_t>(map.value.size()));
  map.bias.push_back(bias);
}

/// Sums up one sparse row at a time in a dense array.
class RowAccumulator {
 public:
  explicit RowAccumulator(std::size_t cols) : sum_(cols), seen_(cols) {}

  void add(const SparseAffine& map, std::size_t row, double factor) {
    for (std::size_t k = map.row_begin[row]; k < map.row_begin[row + 1]; ++k) {
      const std::uint32_t col = map.col[k];
      if (!seen_[col]) {
        seen_[col] = 1;
        touched_.push_back(col);
      }
      sum_[col] += factor * map.value[k];
    }
  }

  /// Appends the row to `map`, without its bias, and starts afresh.
  void flush(SparseAffine& map) {
    if (map.value.size() + touched_.size() > kMaxNonzeros) refuse_size(map.value.size() + touched_.size());
    std::sort(touched_.begin(), touched_.end());
    for (const std::uint32_t col : touched_) {
      push(map, col, sum_[col]);
      sum_[col] = 0;
      seen_[col] = 0;
    }
    touched_.clear();
  }

 private:
  std::vector<double> sum_;
  std::vector<char> seen_;
  std::vector<std::uint32_t> touched_;
};

/// The row of output position (channel, r, c).
void push_conv_row(SparseAffine& map, const Conv& conv, const Shape& in, std::int64_t channel, std::int64_t r,
                   std::int64_t c) {
  const Shape& kernel = conv.weight.shape;
  const std::int64_t first_in = channel / (kernel[0] / conv.groups) * kernel[1];
  const double* weight = conv.weight.data.data() + channel * kernel[1] * kernel[2] * kernel[3];
  for (std::int64_t i = 0; i < kernel[1]; ++i) {
    for (std::int64_t kh = 0; kh < kernel[2]; ++kh) {
      const std::int64_t y = r * conv.strides[0] + kh * conv.dilations[0] - conv.pads[0];
      for (std::int64_t kw = 0; kw < kernel[3]; ++kw, ++weight) {
        const std::int64_t x = c * conv.strides[1] + kw * conv.dilations[1] - conv.pads[1];
        if (y >= 0 && y < in[1] && x >= 0 && x < in[2]) push(map, ((first_in + i) * in[1] + y) * in[2] + x, *weight);
      }
    }
  }
}

}  // namespace

SparseAffine identity_map(std::size_t size) {
  SparseAffine map = empty_map(size, size, size);
  for (std::size_t i = 0; i < size; ++i) {
    push(map, i, 1);
    end_row(map, 0);
  }
  return map;
}

SparseAffine to_sparse(const Conv& conv, const Shape& in, const Shape& out) {
  const Shape& kernel = conv.weight.shape;
  const std::int64_t rows = element_count(out);
  // Both factors are at most 2^28, so the product can't overflow.
  SparseAffine map = empty_map(rows, element_count(in), rows * (kernel[1] * kernel[2] * kernel[3]));
  for (std::int64_t channel = 0; channel < out[0]; ++channel) {
    for (std::int64_t r = 0; r < out[1]; ++r) {
      for (std::int64_t c = 0; c < out[2]; ++c) {
        push_conv_row(map, conv, in, channel, r, c);
        end_row(map, conv.bias[channel]);
      }
    }
  }
  return map;
}

SparseAffine to_sparse(const Dense& dense) {
  const std::size_t rows = dense.weight.shape[0];
  const std::size_t cols = dense.weight.shape[1];
  SparseAffine map = empty_map(rows, cols, rows * cols);
  for (std::size_t r = 0; r < rows; ++r) {
    for (std::size_t c = 0; c < cols; ++c) push(map, c, dense.weight.data[r * cols + c]);
    end_row(map, dense.bias[r]);
  }
  return map;
}

SparseAffine to_sparse(const AveragePool& pool, const Shape& in, const Shape& out) {
  const std::int64_t rows = element_count(out);
  const std::int64_t window = std::min(pool.kernel[0], in[1]) * std::min(pool.kernel[1], in[2]);
  SparseAffine map = empty_map(rows, element_count(in), rows * window);
  for (std::int64_t channel = 0; channel < out[0]; ++channel) {
    for (std::int64_t r = 0; r < out[1]; ++r) {
      const Window rows_seen = make_window(pool, 0, r, in[1]);
      for (std::int64_t c = 0; c < out[2]; ++c) {
        const Window cols_seen = make_window(pool, 1, c, in[2]);
        const double value = 1.0 / static_cast<double>(rows_seen.divisor * cols_seen.divisor);
        for (std::int64_t y = rows_seen.first; y < rows_seen.last; ++y) {
          for (std::int64_t x = cols_seen.first; x < cols_seen.last; ++x) {
            push(map, (channel * in[1] + y) * in[2] + x, value);
          }
        }
        end_row(map, 0);
      }
    }
  }
  return map;
}

SparseAffine to_sparse(const GlobalAveragePool&, const Shape& in) {
  const std::int64_t plane = in[1] * in[2];
  SparseAffine map = empty_map(in[0], element_count(in), element_count(in));
  for (std::int64_t channel = 0; channel < in[0]; ++channel) {
    for (std::int64_t i = 0; i < plane; ++i) push(map, channel * plane + i, 1.0 / static_cast<double>(plane));
    end_row(map, 0);
  }
  return map;
}

SparseAffine compose(const SparseAffine& outer, const SparseAffine& inner) {
  SparseAffine map = empty_map(outer.rows, inner.cols, 0);
  RowAccumulator row(inner.cols);
  for (std::size_t r = 0; r < outer.rows; ++r) {
    double bias = outer.bias[r];
    for (std::size_t k = outer.row_begin[r]; k < outer.row_begin[r + 1]; ++k) {
      row.add(inner, outer.col[k], outer.value[k]);
      bias += outer.value[k] * inner.bias[outer.col[k]];
    }
    row.flush(map);
    end_row(map, bias);
  }
  return map;
}

SparseAffine sum(const SparseAffine& f, const SparseAffine& g) {
  SparseAffine map = empty_map(f.rows, f.cols, 0);
  RowAccumulator row(f.cols);
  for (std::size_t r = 0; r < f.rows; ++r) {
    row.add(f, r, 1);
    row.add(g, r, 1);
    row.flush(map);
    end_row(map, f.bias[r] + g.bias[r]);
  }
  return map;
}

SparseAffine scaled(const SparseAffine& f, std::span<const double> scale, std::span<const double> shift) {
  SparseAffine map = empty_map(f.rows, f.cols, f.nonzeros());
  map.name = f.name;
  for (std::size_t r = 0; r < f.rows; ++r) {
    for (std::size_t k = f.row_begin[r]; k < f.row_begin[r + 1]; ++k) push(map, f.col[k], scale[r] * f.value[k]);
    end_row(map, scale[r] * f.bias[r] + shift[r]);
  }
  return map;
}

}  // namespace blindsight::nn
