// The image is unfolded, a tile of kPixels output positions at a time (one row of the tile per weight of a filter), and
// multiplied with the weights, kChannels filters at a time, so that the sums stay in registers.
//
// This file is compiled without contraction to fused multiply-adds, so that the instruction sets agree bit by bit.
#include "blindsight/nn/convolve.h"

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "blindsight/base/error.h"
#include "blindsight/nn/windows.h"

namespace blindsight::nn {
namespace {

constexpr std::int64_t kPixels = 64;
constexpr std::int64_t kLanes = 8;
constexpr std::int64_t kChannels = 4;
constexpr std::int64_t kDepth = 576;  ///< weights of a filter at a time: the unfolded tile stays in the cache

typedef double Lanes __attribute__((vector_size(kLanes * sizeof(double))));

/// y[c][0..kLanes) += sum over k of weight[c][k] · unfolded[k][0..kLanes), for `Count` filters c.
template <int Count>
__attribute__((always_inline)) inline void multiply_lanes(const double* weight, const double* unfolded,
                                                          std::int64_t stride, std::int64_t depth, double* y) {
  Lanes sum[Count];
  for (int c = 0; c < Count; ++c) std::memcpy(&sum[c], y + c * kPixels, sizeof(Lanes));
  for (std::int64_t k = 0; k < depth; ++k) {
    Lanes x;
    std::memcpy(&x, unfolded + k * kPixels, sizeof(Lanes));
    for (int c = 0; c < Count; ++c) sum[c] = sum[c] + weight[c * stride + k] * x;
  }
  for (int c = 0; c < Count; ++c) std::memcpy(y + c * kPixels, &sum[c], sizeof(Lanes));
}

/// A tile: y, {filters, kPixels}, += weight, {filters, depth} in rows of `stride`, times unfolded, {depth, kPixels}.
struct Tile {
  const double* weight;
  const double* unfolded;
  std::int64_t stride;
  std::int64_t depth;
  std::int64_t filters;
  double* y;
};

__attribute__((always_inline)) inline void multiply_tile(const Tile& t) {
  for (std::int64_t p = 0; p < kPixels; p += kLanes) {
    std::int64_t c = 0;
    for (; c + kChannels <= t.filters; c += kChannels) {
      multiply_lanes<kChannels>(t.weight + c * t.stride, t.unfolded + p, t.stride, t.depth, t.y + c * kPixels + p);
    }
    for (; c < t.filters; ++c) {
      multiply_lanes<1>(t.weight + c * t.stride, t.unfolded + p, t.stride, t.depth, t.y + c * kPixels + p);
    }
  }
}

using Multiply = void (*)(const Tile&);

void multiply_portable(const Tile& tile) { multiply_tile(tile); }

#if defined(__x86_64__)
__attribute__((target("avx2"))) void multiply_avx2(const Tile& tile) { multiply_tile(tile); }
__attribute__((target("avx512f"))) void multiply_avx512(const Tile& tile) { multiply_tile(tile); }
#endif

Multiply multiply_of(ConvolveSet set) {
#if defined(__x86_64__)
  if (set == ConvolveSet::avx512) return multiply_avx512;
  if (set == ConvolveSet::avx2) return multiply_avx2;
#endif
  return multiply_portable;
}

/// What one kernel position sees of one input channel at output positions first .. first + count - 1.
void unfold_row(const double* channel, const Tap& rows, const Tap& cols, std::int64_t in_width, std::int64_t out_width,
                std::int64_t first, std::int64_t count, double* to) {
  std::int64_t r = first / out_width;
  std::int64_t c = first % out_width;
  while (count > 0) {
    const std::int64_t run = std::min(count, out_width - c);
    if (r < rows.first || r >= rows.last) {
      std::fill_n(to, run, 0.0);
    } else {
      const double* from = channel + rows.source(r) * in_width;
      const std::int64_t begin = std::clamp(cols.first, c, c + run);
      const std::int64_t end = std::clamp(cols.last, begin, c + run);
      std::fill(to, to + (begin - c), 0.0);
      if (cols.stride == 1) {
        std::copy(from + cols.source(begin), from + cols.source(end), to + (begin - c));
      } else {
        for (std::int64_t k = begin; k < end; ++k) to[k - c] = from[cols.source(k)];
      }
      std::fill(to + (end - c), to + run, 0.0);
    }
    to += run;
    count -= run;
    c = 0;
    ++r;
  }
}

/// One convolution of one image.
class Convolution {
 public:
  Convolution(const Conv& conv, std::span<const double> x, const Shape& in, const Shape& out, Multiply multiply)
      : multiply_(multiply), conv_(conv), x_(x), in_(in), out_(out), kernel_(conv.weight.shape) {
    for (std::int64_t k = 0; k < kernel_[2]; ++k) rows_.push_back(make_tap(conv, 0, k, in[1], out[1]));
    for (std::int64_t k = 0; k < kernel_[3]; ++k) cols_.push_back(make_tap(conv, 1, k, in[2], out[2]));
    depth_ = kernel_[1] * kernel_[2] * kernel_[3];
    filters_ = kernel_[0] / conv.groups;
    unfolded_.resize(std::min(depth_, kDepth) * kPixels);
    tile_.resize(filters_ * kPixels);
  }

  std::vector<double> run() {
    const std::int64_t plane = out_[1] * out_[2];
    std::vector<double> y(kernel_[0] * plane);
    for (std::int64_t group = 0; group < conv_.groups; ++group) {
      for (std::int64_t first = 0; first < plane; first += kPixels) {
        run_tile(group, first, std::min(kPixels, plane - first), y.data() + group * filters_ * plane + first, plane);
      }
    }
    return y;
  }

 private:
  /// Output positions first .. first + count - 1 of all of the group's filters, `plane` elements apart.
  void run_tile(std::int64_t group, std::int64_t first, std::int64_t count, double* y, std::int64_t plane) {
    const std::int64_t first_filter = group * filters_;
    for (std::int64_t o = 0; o < filters_; ++o) {
      std::fill_n(tile_.begin() + o * kPixels, kPixels, conv_.bias[first_filter + o]);
    }
    for (std::int64_t k = 0; k < depth_; k += kDepth) {
      const std::int64_t some = std::min(kDepth, depth_ - k);
      for (std::int64_t i = 0; i < some; ++i) unfold(group, k + i, first, count, unfolded_.data() + i * kPixels);
      multiply_({conv_.weight.data.data() + first_filter * depth_ + k, unfolded_.data(), depth_, some, filters_,
                 tile_.data()});
    }
    for (std::int64_t o = 0; o < filters_; ++o) std::copy_n(tile_.begin() + o * kPixels, count, y + o * plane);
  }

  /// What weight number k of the group's filters sees.
  void unfold(std::int64_t group, std::int64_t k, std::int64_t first, std::int64_t count, double* to) const {
    const std::int64_t window = kernel_[2] * kernel_[3];
    const double* channel = x_.data() + (group * kernel_[1] + k / window) * in_[1] * in_[2];
    unfold_row(channel, rows_[k % window / kernel_[3]], cols_[k % kernel_[3]], in_[2], out_[2], first, count, to);
  }

  Multiply multiply_;
  const Conv& conv_;
  std::span<const double> x_;
  const Shape& in_;
  const Shape& out_;
  const Shape& kernel_;
  std::vector<Tap> rows_, cols_;
  std::int64_t depth_ = 0;
  std::int64_t filters_ = 0;
  std::vector<double> unfolded_, tile_;
};

}  // namespace

std::vector<ConvolveSet> convolve_sets() {
  std::vector<ConvolveSet> sets{ConvolveSet::portable};
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx2")) sets.push_back(ConvolveSet::avx2);
  if (__builtin_cpu_supports("avx512f")) sets.push_back(ConvolveSet::avx512);
#endif
  return sets;
}

std::vector<double> convolve(const Conv& conv, std::span<const double> x, const Shape& in, const Shape& out,
                             ConvolveSet set) {
  const std::vector<ConvolveSet> sets = convolve_sets();
  if (std::find(sets.begin(), sets.end(), set) == sets.end()) {
    throw InvalidArgument("this machine lacks the instruction set asked for");
  }
  return Convolution(conv, x, in, out, multiply_of(set)).run();
}

std::vector<double> convolve(const Conv& conv, std::span<const double> x, const Shape& in, const Shape& out) {
  static const ConvolveSet fastest = convolve_sets().back();
  return Convolution(conv, x, in, out, multiply_of(fastest)).run();
}

}  // namespace blindsight::nn
