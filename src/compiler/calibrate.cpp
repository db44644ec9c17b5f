#include "blindsight/compiler/calibrate.h"

#include <algorithm>
#include <cmath>
#include <random>

#include "blindsight/base/error.h"
#include "blindsight/base/parallel.h"

namespace blindsight::compiler {

namespace {

/// Values may be this much larger than any seen.
constexpr double kRangeMargin = 2;
constexpr int kSignVectors = 4;

/// mt19937_64 is the same everywhere; the standard's distributions are not.
class Random {
 public:
  explicit Random(std::uint64_t seed) : engine_(seed) {}
  double symmetric(double bound) { return bound * (static_cast<double>(engine_() >> 11) * 0x1p-52 - 1); }
  std::size_t below(std::size_t n) { return static_cast<std::size_t>(engine_() % n); }
  double sign() { return (engine_() >> 40 & 1) != 0 ? 1 : -1; }

 private:
  std::mt19937_64 engine_;
};

/// Either independent pixels or patches of one value.
std::vector<double> random_input(const nn::Shape& shape, Random& random, double bound, bool patches) {
  std::vector<double> x(nn::element_count(shape));
  if (!patches || shape.size() != 3) {
    for (double& v : x) v = random.symmetric(bound);
    return x;
  }
  const auto channels = static_cast<std::size_t>(shape[0]);
  const auto height = static_cast<std::size_t>(shape[1]);
  const auto width = static_cast<std::size_t>(shape[2]);
  const std::size_t patch = 2 + random.below(std::max<std::size_t>(1, std::max(height, width)));
  std::vector<double> value((height / patch + 1) * (width / patch + 1) * channels);
  for (double& v : value) v = random.symmetric(bound);
  for (std::size_t c = 0; c < channels; ++c) {
    for (std::size_t i = 0; i < height; ++i) {
      for (std::size_t j = 0; j < width; ++j) {
        x[(c * height + i) * width + j] = value[((i / patch) * (width / patch + 1) + j / patch) * channels + c];
      }
    }
  }
  return x;
}

/// y += matrixᵀ · x.
void add_transposed_product(const nn::SparseMatrix& matrix, const std::vector<double>& x, std::vector<double>& y) {
  for (std::size_t r = 0; r < matrix.rows; ++r) {
    const double g = x[r];
    if (g == 0) continue;
    for (std::uint32_t i = matrix.row_begin[r]; i < matrix.row_begin[r + 1]; ++i)
      y[matrix.col[i]] += matrix.value[i] * g;
  }
}

double sum_of_squares(const std::vector<double>& x) {
  double sum = 0;
  for (const double v : x) sum += v * v;
  return sum;
}

/// Adds one input's contribution to sums over inputs.
std::vector<ValueStatistics> measure_one(const nn::QuadraticNetwork& network, const std::vector<double>& input,
                                         std::uint64_t seed) {
  std::vector<std::vector<double>> values = nn::evaluate_stages(network, input);
  values.insert(values.begin(), input);
  std::vector<ValueStatistics> out(values.size());
  for (std::size_t v = 0; v < values.size(); ++v) {
    for (const double x : values[v]) {
      out[v].range = std::max(out[v].range, std::isfinite(x) ? std::abs(x) : INFINITY);
      out[v].mean_square += x * x;
      out[v].mean_fourth += x * x * x * x;
    }
    out[v].mean_square /= static_cast<double>(values[v].size());
    out[v].mean_fourth /= static_cast<double>(values[v].size());
  }
  Random random(seed);
  for (int k = 0; k < kSignVectors; ++k) {
    std::vector<std::vector<double>> plain(values.size()), square(values.size());
    for (std::size_t v = 0; v < values.size(); ++v) {
      plain[v].assign(values[v].size(), 0.0);
      square[v].assign(values[v].size(), 0.0);
    }
    for (double& g : plain.back()) g = random.sign();
    const double scale = 1.0 / (kSignVectors * static_cast<double>(values.back().size()));
    for (std::size_t v = values.size(); v-- > 0;) {
      for (std::size_t i = 0; i < values[v].size(); ++i) plain[v][i] += 2 * values[v][i] * square[v][i];
      out[v].sensitivity += scale * sum_of_squares(plain[v]);
      out[v].square_sensitivity += scale * sum_of_squares(square[v]);
      if (v == 0) break;
      for (const nn::StageTerm& term : network.stages[v - 1].terms) {
        add_transposed_product(term.matrix, plain[v], term.squared ? square[term.value] : plain[term.value]);
      }
    }
  }
  return out;
}

}  // namespace

std::vector<ValueStatistics> measure(const nn::QuadraticNetwork& network,
                                     const std::vector<std::vector<double>>& inputs) {
  std::vector<std::vector<ValueStatistics>> each(inputs.size());
  parallel_for(inputs.size(), [&](std::size_t i) { each[i] = measure_one(network, inputs[i], i + 1); });
  std::vector<ValueStatistics> out(network.stages.size() + 1);
  const double count = static_cast<double>(inputs.size());
  for (const auto& one : each) {
    for (std::size_t v = 0; v < out.size(); ++v) {
      out[v].range = std::max(out[v].range, kRangeMargin * one[v].range);
      out[v].mean_square += one[v].mean_square / count;
      out[v].mean_fourth += one[v].mean_fourth / count;
      out[v].sensitivity += one[v].sensitivity / count;
      out[v].square_sensitivity += one[v].square_sensitivity / count;
    }
  }
  for (std::size_t v = 0; v < out.size(); ++v) {
    if (std::isfinite(out[v].mean_fourth) && std::isfinite(out[v].sensitivity)) continue;
    throw UnsupportedModel("layer " + (v == 0 ? "input" : network.stages[v - 1].name) +
                           ": its values overflow on the calibration images; check the preprocessing, or calibrate "
                           "with images of the model's data set");
  }
  for (ValueStatistics& s : out) s.range = std::max(s.range, 1e-6);
  return out;
}

std::vector<std::vector<double>> random_inputs(const nn::QuadraticNetwork& network, double bound, std::size_t count) {
  Random random(1);
  std::vector<std::vector<double>> out;
  for (std::size_t i = 0; i < count; ++i) out.push_back(random_input(network.input_shape, random, bound, i % 2 == 1));
  return out;
}

}  // namespace blindsight::compiler
