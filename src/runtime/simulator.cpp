#include "blindsight/runtime/simulator.h"

#include <cmath>
#include <map>

#include "blindsight/base/error.h"
#include "blindsight/compiler/noise.h"
#include "blindsight/compiler/slots.h"

namespace blindsight::runtime {

using compiler::Op;
using compiler::OpKind;
using compiler::Program;

namespace {

/// Nearly Gaussian: sums of eight uniform 16-bit numbers, from SplitMix64. The same everywhere.
class Gaussian {
 public:
  explicit Gaussian(std::uint64_t seed) : state_(seed) {}
  /// Mean 0, variance 1.
  double operator()() {
    const std::uint64_t a = next();
    const std::uint64_t b = next();
    std::int64_t sum = 0;
    for (int i = 0; i < 64; i += 16) {
      sum += static_cast<std::int64_t>((a >> i) & 0xffff) + static_cast<std::int64_t>((b >> i) & 0xffff);
    }
    return (static_cast<double>(sum) - 8 * 32767.5) * kScale;
  }

 private:
  // 1 / sqrt(8 · (2^32 - 1) / 12)
  static constexpr double kScale = 1.0 / 53509.9;
  std::uint64_t next() {
    std::uint64_t z = state_ += 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }
  std::uint64_t state_;
};

void add_noise(std::vector<double>& x, double variance, Gaussian& gaussian) {
  const double deviation = std::sqrt(variance);
  for (double& v : x) v += deviation * gaussian();
}

std::vector<double> noisy_apply(const compiler::Transform& transform, const Op& op, double input_scale,
                                const std::vector<double>& x, const compiler::NoiseModel& noise, Gaussian& gaussian) {
  const std::size_t n = x.size();
  const double switched_in = noise.key_switch(op.level, input_scale);
  const double switched_out = noise.key_switch(op.level, op.scale);
  const double weight = noise.encoding(transform.scale);
  std::map<int, std::vector<double>> babies;
  std::map<int, std::size_t> giants;
  std::vector<double> y(n, 0.0);
  std::vector<double> variance(n, 0.0);
  std::vector<double> squares(n);
  for (std::size_t s = 0; s < n; ++s) squares[s] = weight * x[s] * x[s];
  for (const auto& term : transform.plan.terms) {
    auto [baby, fresh] = babies.try_emplace(term.baby);
    if (fresh) {
      baby->second = x;
      if (term.baby != 0) add_noise(baby->second, switched_in, gaussian);  // in place: rotated on use
    }
    const std::size_t k = compiler::cyclic(long{term.baby} + term.giant, n);
    compiler::add_rotated_product(y, transform.diagonals[term.diagonal], baby->second, k);
    for (std::size_t s = 0; s < n; ++s) variance[s] += squares[s + k < n ? s + k : s + k - n];
    if (term.giant != 0) giants.try_emplace(term.giant);
  }
  const double giant = static_cast<double>(giants.size()) * switched_out;
  for (std::size_t s = 0; s < n; ++s) y[s] += std::sqrt(variance[s] + giant) * gaussian();
  for (const int k : transform.plan.folds) {
    compiler::fold(y, k);
    add_noise(y, switched_out, gaussian);
  }
  return y;
}

}  // namespace

std::vector<double> simulate(const Program& program, std::span<const double> slots,
                             std::optional<std::uint64_t> noise_seed) {
  if (slots.size() != program.slots()) {
    throw InvalidArgument(std::to_string(slots.size()) + " slots where the program has " +
                          std::to_string(program.slots()));
  }
  std::vector<std::vector<double>> values(program.ops.size() + 1);
  std::vector<double> scales(program.ops.size() + 1, program.input_scale);
  values[0].assign(slots.begin(), slots.end());
  const bool noisy = noise_seed.has_value();
  const compiler::NoiseModel noise(program.parameters);
  Gaussian gaussian(noise_seed.value_or(0));
  if (noisy) add_noise(values[0], noise.fresh(program.input_scale), gaussian);
  for (const Op& op : program.ops) {
    const std::vector<double>& in = values[op.input];
    std::vector<double>& out = values[op.output];
    scales[op.output] = op.scale;
    switch (op.kind) {
      case OpKind::kLinearTransform: {
        const compiler::Transform& transform = program.transforms[op.operand];
        out = noisy ? noisy_apply(transform, op, scales[op.input], in, noise, gaussian)
                    : compiler::apply(transform.plan, transform.diagonals, in);
        break;
      }
      case OpKind::kAddVector:
        out = in;
        for (std::size_t s = 0; s < out.size(); ++s) out[s] += program.vectors[op.operand][s];
        if (noisy) add_noise(out, noise.encoding(op.scale), gaussian);
        break;
      case OpKind::kSquare:
        out = in;
        for (double& v : out) v *= v;
        if (noisy) add_noise(out, noise.key_switch(op.level, op.scale), gaussian);
        break;
      case OpKind::kRescale:
        out = in;
        if (noisy) add_noise(out, noise.rounding(op.scale), gaussian);
        break;
      case OpKind::kDropLevel:
        out = in;
        break;
    }
  }
  return std::move(values.back());
}

}  // namespace blindsight::runtime
