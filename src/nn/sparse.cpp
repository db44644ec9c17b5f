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

SparseMatrix empty_matrix(std::size_t rows, std::size_t cols, std::size_t nonzeros) {
  if (nonzeros > kMaxNonzeros) refuse_size(nonzeros);
  SparseMatrix matrix;
  matrix.rows = rows;
  matrix.cols = cols;
  matrix.row_begin.reserve(rows + 1);
  matrix.row_begin.push_back(0);
  matrix.col.reserve(nonzeros);
  matrix.value.reserve(nonzeros);
  return matrix;
}

void push(SparseMatrix& matrix, std::size_t col, double value) {
  if (value == 0) return;
  matrix.col.push_back(static_cast<std::uint32_t>(col));
  matrix.value.push_back(value);
}

void end_row(SparseMatrix& matrix) { matrix.row_begin.push_back(static_cast<std::uint32_t>(matrix.value.size())); }

/// Sums up one sparse row at a time in a dense array.
class RowAccumulator {
 public:
  explicit RowAccumulator(std::size_t cols) : sum_(cols), seen_(cols) {}

  void add(const SparseMatrix& matrix, std::size_t row, double factor) {
    for (std::size_t k = matrix.row_begin[row]; k < matrix.row_begin[row + 1]; ++k) {
      const std::uint32_t col = matrix.col[k];
      if (!seen_[col]) {
        seen_[col] = 1;
        touched_.push_back(col);
      }
      sum_[col] += factor * matrix.value[k];
    }
  }

  std::size_t entries() const { return touched_.size(); }

  /// Appends the row to `matrix` and starts afresh.
  void flush(SparseMatrix& matrix) {
    std::sort(touched_.begin(), touched_.end());
    for (const std::uint32_t col : touched_) {
      push(matrix, col, sum_[col]);
      sum_[col] = 0;
      seen_[col] = 0;
    }
    touched_.clear();
    end_row(matrix);
  }

 private:
  std::vector<double> sum_;
  std::vector<char> seen_;
  std::vector<std::uint32_t> touched_;
};

/// The row of output position (channel, r, c).
void push_conv_row(SparseMatrix& matrix, const Conv& conv, const Shape& in, std::int64_t channel, std::int64_t r,
                   std::int64_t c) {
  const Shape& kernel = conv.weight.shape;
  const std::int64_t first_in = channel / (kernel[0] / conv.groups) * kernel[1];
  const double* weight = conv.weight.data.data() + channel * kernel[1] * kernel[2] * kernel[3];
  for (std::int64_t i = 0; i < kernel[1]; ++i) {
    for (std::int64_t kh = 0; kh < kernel[2]; ++kh) {
      const std::int64_t y = r * conv.strides[0] + kh * conv.dilations[0] - conv.pads[0];
      for (std::int64_t kw = 0; kw < kernel[3]; ++kw, ++weight) {
        const std::int64_t x = c * conv.strides[1] + kw * conv.dilations[1] - conv.pads[1];
        if (y >= 0 && y < in[1] && x >= 0 && x < in[2]) push(matrix, ((first_in + i) * in[1] + y) * in[2] + x, *weight);
      }
    }
  }
}

/// Keeps what `scaled(row, k)` makes of every entry, in place, unless it is 0.
template <typename F>
void rescale(SparseMatrix& matrix, F&& scaled) {
  std::size_t kept = 0;
  std::size_t begin = 0;
  for (std::size_t r = 0; r < matrix.rows; ++r) {
    const std::size_t end = matrix.row_begin[r + 1];
    for (std::size_t k = begin; k < end; ++k) {
      const double value = scaled(r, k);
      matrix.col[kept] = matrix.col[k];
      matrix.value[kept] = value;
      if (value != 0) ++kept;
    }
    begin = end;
    matrix.row_begin[r + 1] = static_cast<std::uint32_t>(kept);
  }
  matrix.col.resize(kept);
  matrix.value.resize(kept);
}

LinearLayer lower(const Conv& conv, const Shape& in, const Shape& out) {
  const Shape& kernel = conv.weight.shape;
  const std::int64_t rows = element_count(out);
  // Both factors are at most 2^28, so the product can't overflow.
  LinearLayer layer;
  layer.matrix = empty_matrix(rows, element_count(in), rows * (kernel[1] * kernel[2] * kernel[3]));
  layer.bias.reserve(rows);
  for (std::int64_t channel = 0; channel < out[0]; ++channel) {
    for (std::int64_t r = 0; r < out[1]; ++r) {
      for (std::int64_t c = 0; c < out[2]; ++c) {
        push_conv_row(layer.matrix, conv, in, channel, r, c);
        end_row(layer.matrix);
        layer.bias.push_back(conv.bias[channel]);
      }
    }
  }
  return layer;
}

LinearLayer lower(const Dense& dense, const Shape&, const Shape&) {
  const std::size_t rows = dense.weight.shape[0];
  const std::size_t cols = dense.weight.shape[1];
  LinearLayer layer{empty_matrix(rows, cols, rows * cols), dense.bias};
  for (std::size_t r = 0; r < rows; ++r) {
    for (std::size_t c = 0; c < cols; ++c) push(layer.matrix, c, dense.weight.data[r * cols + c]);
    end_row(layer.matrix);
  }
  return layer;
}

LinearLayer lower(const AveragePool& pool, const Shape& in, const Shape& out) {
  const std::int64_t rows = element_count(out);
  const std::int64_t window = std::min(pool.kernel[0], in[1]) * std::min(pool.kernel[1], in[2]);
  LinearLayer layer{empty_matrix(rows, element_count(in), rows * window), std::vector<double>(rows)};
  for (std::int64_t channel = 0; channel < out[0]; ++channel) {
    for (std::int64_t r = 0; r < out[1]; ++r) {
      const Window rows_seen = make_window(pool, 0, r, in[1]);
      for (std::int64_t c = 0; c < out[2]; ++c) {
        const Window cols_seen = make_window(pool, 1, c, in[2]);
        const double value = 1.0 / static_cast<double>(rows_seen.divisor * cols_seen.divisor);
        for (std::int64_t y = rows_seen.first; y < rows_seen.last; ++y) {
          for (std::int64_t x = cols_seen.first; x < cols_seen.last; ++x) {
            push(layer.matrix, (channel * in[1] + y) * in[2] + x, value);
          }
        }
        end_row(layer.matrix);
      }
    }
  }
  return layer;
}

LinearLayer lower(const GlobalAveragePool&, const Shape& in, const Shape&) {
  const std::int64_t plane = in[1] * in[2];
  LinearLayer layer{empty_matrix(in[0], element_count(in), element_count(in)), std::vector<double>(in[0])};
  for (std::int64_t channel = 0; channel < in[0]; ++channel) {
    for (std::int64_t i = 0; i < plane; ++i) push(layer.matrix, channel * plane + i, 1.0 / static_cast<double>(plane));
    end_row(layer.matrix);
  }
  return layer;
}

LinearLayer lower(const Gather& gather, std::size_t argument, const Shape& in) {
  const std::size_t rows = gather.sources.size();
  LinearLayer layer{empty_matrix(rows, element_count(in), rows), std::vector<double>(rows)};
  for (std::size_t r = 0; r < rows; ++r) {
    const Gather::Source& source = gather.sources[r];
    if (source.input == argument) push(layer.matrix, source.index, 1);
    if (source.input == Gather::kConstant && argument == 0) layer.bias[r] = gather.constants[source.index];
    end_row(layer.matrix);
  }
  return layer;
}

}  // namespace

SparseMatrix identity_matrix(std::size_t size) {
  SparseMatrix matrix = empty_matrix(size, size, size);
  for (std::size_t i = 0; i < size; ++i) {
    push(matrix, i, 1);
    end_row(matrix);
  }
  return matrix;
}

LinearLayer to_linear(const Operation& operation, std::size_t argument, const Shape& in, const Shape& out) {
  if (const auto* conv = std::get_if<Conv>(&operation)) return lower(*conv, in, out);
  if (const auto* dense = std::get_if<Dense>(&operation)) return lower(*dense, in, out);
  if (const auto* pool = std::get_if<AveragePool>(&operation)) return lower(*pool, in, out);
  if (const auto* pool = std::get_if<GlobalAveragePool>(&operation)) return lower(*pool, in, out);
  if (const auto* gather = std::get_if<Gather>(&operation)) return lower(*gather, argument, in);
  throw InvalidArgument(std::string("a layer of kind ") + kind_name(operation) + " has no matrix");
}

void scale_columns(SparseMatrix& matrix, std::span<const double> factors) {
  rescale(matrix, [&](std::size_t, std::size_t k) { return matrix.value[k] * factors[matrix.col[k]]; });
}

void scale_rows(SparseMatrix& matrix, std::span<const double> factors) {
  rescale(matrix, [&](std::size_t r, std::size_t k) { return matrix.value[k] * factors[r]; });
}

std::size_t product_cost(const SparseMatrix& outer, const SparseMatrix& inner) {
  std::size_t cost = 0;
  for (const std::uint32_t col : outer.col) cost += inner.row_begin[col + 1] - inner.row_begin[col];
  return cost;
}

std::optional<SparseMatrix> product(const SparseMatrix& outer, const SparseMatrix& inner, std::size_t limit) {
  SparseMatrix matrix = empty_matrix(outer.rows, inner.cols, 0);
  RowAccumulator row(inner.cols);
  for (std::size_t r = 0; r < outer.rows; ++r) {
    for (std::size_t k = outer.row_begin[r]; k < outer.row_begin[r + 1]; ++k) {
      row.add(inner, outer.col[k], outer.value[k]);
    }
    if (matrix.nonzeros() + row.entries() > limit) return std::nullopt;
    row.flush(matrix);
  }
  return matrix;
}

SparseMatrix sum(const SparseMatrix& f, const SparseMatrix& g) {
  SparseMatrix matrix = empty_matrix(f.rows, f.cols, 0);
  for (std::size_t r = 0; r < f.rows; ++r) {
    std::size_t i = f.row_begin[r];
    std::size_t j = g.row_begin[r];
    const std::size_t i_end = f.row_begin[r + 1];
    const std::size_t j_end = g.row_begin[r + 1];
    if (matrix.nonzeros() + (i_end - i) + (j_end - j) > kMaxNonzeros) {
      refuse_size(matrix.nonzeros() + (i_end - i) + (j_end - j));
    }
    while (i < i_end || j < j_end) {
      const bool take_f = j == j_end || (i < i_end && f.col[i] <= g.col[j]);
      const bool take_g = i == i_end || (j < j_end && g.col[j] <= f.col[i]);
      const std::uint32_t col = take_f ? f.col[i] : g.col[j];
      push(matrix, col, (take_f ? f.value[i++] : 0) + (take_g ? g.value[j++] : 0));
    }
    end_row(matrix);
  }
  return matrix;
}

}  // namespace blindsight::nn
