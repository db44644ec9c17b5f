#include "blindsight/compiler/calibrate.h"

#include <algorithm>
#include <cmath>
#include <random>

#include "blindsight/compiler/cost.h"
#include "blindsight/compiler/slots.h"

namespace blindsight::compiler {

namespace {

/// mt19937_64 is the same everywhere; the standard's distributions are not.
class Random {
 public:
  explicit Random(std::uint64_t seed) : engine_(seed) {}
  double symmetric(double bound) { return bound * (static_cast<double>(engine_() >> 11) * 0x1p-52 - 1); }
  std::size_t below(std::size_t n) { return static_cast<std::size_t>(engine_() % n); }

 private:
  std::mt19937_64 engine_;
};

/// Either independent pixels or patches of one value.
std::vector<double> random_input(const nn::QuadraticChain& chain, Random& random, double bound, bool patches) {
  const auto& shape = chain.input_shape;
  std::vector<double> x(chain.affine[0].cols);
  if (!patches || shape.size() != 3) {
    for (double& v : x) v = random.symmetric(bound);
    return x;
  }
  const auto channels = static_cast<std::size_t>(shape[0]);
  const auto height = static_cast<std::size_t>(shape[1]);
  const auto width = static_cast<std::size_t>(shape[2]);
  if (channels * height * width != x.size()) return x;
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

}  // namespace

std::vector<double> estimate_ranges(const nn::QuadraticChain& chain, double input_bound) {
  Random random(1);
  std::vector<double> ranges(chain.affine.size(), 1e-3);
  std::size_t nonzeros = 1;
  for (const auto& map : chain.affine) nonzeros += map.nonzeros();
  const std::size_t inputs = std::clamp<std::size_t>(100'000'000 / nonzeros, 16, 400);
  for (std::size_t i = 0; i < inputs; ++i) {
    std::vector<double> x = random_input(chain, random, input_bound, i % 2 == 1);
    for (std::size_t k = 0; k < chain.affine.size(); ++k) {
      x = nn::apply(chain.affine[k], x);
      for (double& v : x) {
        ranges[k] = std::max(ranges[k], std::abs(v));
        v *= v;
      }
    }
  }
  for (double& r : ranges) r *= 2;
  return ranges;
}

std::vector<MapStatistics> statistics(const nn::QuadraticChain& chain, const Lowered& lowered,
                                      const std::vector<double>& ranges, double input_bound) {
  const std::size_t slots = lowered.input.element.size();
  std::vector<MapStatistics> out(lowered.maps.size());
  for (std::size_t k = 0; k < out.size(); ++k) {
    const LoweredMap& map = lowered.maps[k];
    MapStatistics& s = out[k];
    const KeySwitchCount count = count_key_switches(map.plan);
    s.terms = map.plan.terms.size();
    s.giants = count.giants;
    s.has_babies = count.babies > 0;
    s.fold_factor = std::size_t{1} << count.folds;
    double sum = 0;
    for (const double w : chain.affine[k].value) sum += w * w;
    s.gain = sum / static_cast<double>(chain.affine[k].rows);
    double all = 0, rotated = 0;
    for (const auto& term : map.plan.terms) {
      double squares = 0;
      for (const double w : map.diagonals[term.diagonal]) squares += w * w;
      all += squares;
      if (term.baby != 0) rotated += squares;
    }
    s.rotated_gain = all > 0 ? s.gain * rotated / all : 0;
  }

  // Random inputs, walked through the slots; after each map values are scaled to the range that is known to hold.
  Random random(2);
  constexpr int kInputs = 6;
  for (int i = 0; i < kInputs; ++i) {
    const std::vector<double> tensor = random_input(chain, random, input_bound, i % 2 == 1);
    std::vector<double> x(slots, 0.0);
    for (std::size_t s = 0; s < slots; ++s) {
      if (lowered.input.element[s] >= 0) x[s] = tensor[lowered.input.element[s]];
    }
    for (std::size_t k = 0; k < out.size(); ++k) {
      for (const double v : x) out[k].input_square += v * v / static_cast<double>(slots) / kInputs;
      const LoweredMap& map = lowered.maps[k];
      x = apply(map.plan, map.diagonals, x);
      double largest = 1e-30, junk = 0, squares = 0;
      std::size_t valid = 0;
      for (std::size_t s = 0; s < slots; ++s) {
        x[s] += map.bias[s];
        if (map.output.element[s] >= 0) {
          largest = std::max(largest, std::abs(x[s]));
          squares += x[s] * x[s];
          ++valid;
        } else {
          junk = std::max(junk, std::abs(x[s]));
        }
      }
      // A typical input stays within a quarter of the bound in the root mean square, whatever these random ones do.
      const double rms = std::sqrt(squares / static_cast<double>(std::max<std::size_t>(1, valid)));
      const double shrink = rms > 0 ? std::min(ranges[k] / 4 / rms, 1e3) : 1;
      out[k].value_square = ranges[k] * ranges[k] / 16;
      out[k].slot_bound = std::max({out[k].slot_bound, ranges[k], junk / largest * ranges[k]});
      for (double& v : x) {
        v *= shrink;
        v *= v;
      }
    }
  }
  return out;
}

}  // namespace blindsight::compiler
