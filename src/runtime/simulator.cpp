#include "blindsight/runtime/simulator.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>
#include <set>

#include "blindsight/base/error.h"
#include "blindsight/compiler/slots.h"
#include "blindsight/runtime/gaussian.h"

namespace blindsight::runtime {

using compiler::add_rotated;
using compiler::add_rotated_product;
using compiler::cyclic;
using compiler::Map;
using compiler::Op;
using compiler::OpKind;
using compiler::Program;
using compiler::Slots;

namespace {

constexpr std::size_t kEnd = std::numeric_limits<std::size_t>::max();

/// The rotations that the products of one input and one output use, as a grid of babies and giants.
struct Grid {
  std::set<int> babies, giants;
  std::size_t terms = 0;
  double encoding = 0;  ///< sum over the terms of the variance of the weights' rounding
};

double mean(const Slots& x) { return std::accumulate(x.begin(), x.end(), 0.0) / static_cast<double>(x.size()); }

}  // namespace

/// The noise of a linear map that doesn't depend on the image, and what is needed for the part that does.
///
/// Where diagonals go in pairs, imaginary parts are read too: their errors and those of the rotation into them; weights
/// have half the scale; what is added before the conjugate counts twice.
struct Simulator::MapNoise {
  std::vector<Slots> variance;  ///< by output, before the folds: key switches of babies (times weights²) and giants
  std::map<std::pair<std::uint32_t, std::uint32_t>, Grid> grids;  ///< by input and output
  std::map<std::pair<std::uint32_t, std::uint32_t>, Slots> gain;  ///< sums of weights², by input and output
  int paired = 0;
  double fold = 0;         ///< variance that a fold adds
  double conjugation = 0;  ///< and that a conjugate adds, in the end

  MapNoise(const Op& op, const Map& map, const std::vector<double>& scales, std::size_t slots,
           const compiler::NoiseModel& noise)
      : variance(map.plan.outputs, Slots(slots, 0.0)), paired(map.plan.paired) {
    const double key_switch = noise.key_switch(op.level, op.scale);
    fold = paired != 0 ? 4 * key_switch : key_switch;
    conjugation = paired != 0 ? key_switch : 0;
    std::vector<std::set<int>> giants(map.plan.outputs);
    const Slots ones(slots, 1.0);
    for (const auto& term : map.plan.terms) {
      std::vector<const ckks::Diagonal*> diagonals{&map.diagonals[term.diagonal]};
      if (paired != 0) diagonals.push_back(&map.diagonals[term.partner]);
      const double scale = scales[op.inputs[term.input]];
      const double rotated = term.baby != 0 ? noise.extended_switch(op.level, scale) : 0;
      const double shifted = paired != 0 ? noise.key_switch(op.level, scale) : 0;
      std::size_t period = 1;
      for (const ckks::Diagonal* diagonal : diagonals) {
        period = std::max(period, diagonal->period());
        if (rotated + shifted > 0) {
          const Slots errors(slots, rotated + shifted);
          add_rotated_product(variance[term.output], *diagonal, errors, 0, true);
        }
        Slots& sum = gain.try_emplace({term.input, term.output}, slots, 0.0).first->second;
        add_rotated_product(sum, *diagonal, ones, 0, true);
      }
      if (term.giant != 0) giants[term.output].insert(term.giant);
      Grid& grid = grids[{term.input, term.output}];
      grid.babies.insert(term.baby);
      grid.giants.insert(term.giant);
      ++grid.terms;
      grid.encoding += noise.encoding(map.weight_scale[term.input] / (paired != 0 ? 2 : 1), period);
    }
    for (std::size_t o = 0; o < variance.size(); ++o) {
      for (double& v : variance[o]) v += static_cast<double>(giants[o].size()) * fold;
    }
  }

  /// Of output o: what the rounded weights make of these inputs. A product with the rounded weight of slot s has the
  /// error e[s]·x[s + k]; the sum of the squares over the terms is taken over the whole grid and scaled to their
  /// number. `imaginary`: variance of the inputs' imaginary parts.
  Slots with_weights(std::uint32_t o, const std::vector<Slots>& squares, const std::vector<double>& imaginary) const {
    Slots out = variance[o];
    for (const auto& [ends, grid] : grids) {
      if (ends.second != o) continue;
      Slots x = squares[ends.first];
      const std::size_t n = x.size();
      if (paired != 0) {
        add_rotated(x, squares[ends.first], cyclic(paired, n));
        const Slots& weights = gain.at(ends);
        for (std::size_t s = 0; s < n; ++s) out[s] += weights[s] * imaginary[ends.first];
      }
      Slots inner(n, 0.0), sum(n, 0.0);
      for (const int b : grid.babies) add_rotated(inner, x, cyclic(b, n));
      for (const int g : grid.giants) add_rotated(sum, inner, cyclic(g, n));
      const double each = grid.encoding / static_cast<double>(grid.babies.size() * grid.giants.size());
      for (std::size_t s = 0; s < n; ++s) out[s] += each * sum[s];
    }
    return out;
  }

  /// Variance of the imaginary part of output o, a mean over its slots.
  double imaginary_part(std::uint32_t o, const std::vector<double>& inputs, std::size_t folds) const {
    if (paired != 0) return conjugation;
    double sum = mean(variance[o]);
    for (const auto& [ends, weights] : gain) {
      if (ends.second == o) sum += mean(weights) * inputs[ends.first];
    }
    for (std::size_t f = 0; f < folds; ++f) sum = 2 * sum + fold;
    return sum;
  }
};

/// One image's way through the program.
class Simulator::Run {
 public:
  Run(const Simulator& simulator, std::optional<std::uint64_t> seed)
      : simulator_(simulator), program_(*simulator.program_), noisy_(seed.has_value()), gaussian_(seed.value_or(0)) {}

  std::vector<double> operator()(std::span<const double> slots) {
    const std::size_t n = program_.slots();
    values_.resize(program_.values());
    imaginary_.assign(program_.values(), 0);
    for (std::size_t i = 0; i < program_.input_ciphertexts(); ++i) {
      const auto part = slots.subspan(i * n, n);
      values_[i].assign(part.begin(), part.end());
      imaginary_[i] = simulator_.noise_[0].fresh(program_.input_scale);
      add_noise(values_[i], imaginary_[i]);
    }
    for (std::size_t i = 0; i < program_.ops.size(); ++i) {
      perform(i);
      const Op& op = program_.ops[i];
      for (const auto* ends : {&op.inputs, &op.outputs}) {
        for (const std::uint32_t v : *ends) {
          if (simulator_.last_use_[v] == i) values_[v] = {};
        }
      }
    }
    std::vector<double> out;
    for (const std::uint32_t v : program_.results) out.insert(out.end(), values_[v].begin(), values_[v].end());
    return out;
  }

 private:
  void add_noise(Slots& x, double variance) {
    if (!noisy_) return;
    const double deviation = std::sqrt(variance);
    for (double& v : x) v += deviation * gaussian_();
  }

  void perform(std::size_t i) {
    const Op& op = program_.ops[i];
    if (op.kind == OpKind::kLinearMap) {
      apply_map(i);
      return;
    }
    const compiler::NoiseModel& noise = simulator_.noise_[op.ring];
    const std::uint32_t in = op.inputs[0];
    Slots x = simulator_.last_use_[in] == i ? std::move(values_[in]) : values_[in];
    double imaginary = imaginary_[in];
    const auto add_complex = [&](double variance) {
      add_noise(x, variance);
      imaginary += variance;
    };
    switch (op.kind) {
      case OpKind::kAddVector: {
        const ckks::Diagonal& vector = program_.vectors[op.operand];
        for (std::size_t s = 0; s < x.size(); ++s) x[s] += vector[s];
        add_noise(x, noise.encoding(op.scale, vector.period()));
        break;
      }
      case OpKind::kSquare:
        for (double& v : x) v *= v;
        imaginary *= 4 * mean(x);
        add_complex(noise.key_switch(op.level, op.scale));
        break;
      case OpKind::kRescale:
        add_complex(noise.rounding(op.scale));
        break;
      case OpKind::kSwitchRing: {
        const std::size_t half = x.size() / 2;
        for (std::size_t s = 0; s < half; ++s) x[s] = (x[s] + x[s + half]) / 2;
        x.resize(half);
        imaginary /= 2;
        add_complex(noise.switch_ring(op.level, op.scale));
        break;
      }
      default:
        break;
    }
    values_[op.outputs[0]] = std::move(x);
    imaginary_[op.outputs[0]] = imaginary;
  }

  void apply_map(std::size_t i) {
    const Op& op = program_.ops[i];
    const Map& map = program_.maps[op.operand];
    std::vector<const Slots*> inputs;
    for (const std::uint32_t v : op.inputs) inputs.push_back(&values_[v]);
    std::vector<Slots> outputs = compiler::apply_terms(map.plan, map.diagonals, inputs);
    std::vector<Slots> squares;
    std::vector<double> imaginary;
    for (const std::uint32_t v : op.inputs) imaginary.push_back(imaginary_[v]);
    const MapNoise& noise = *simulator_.map_noise_[i];
    for (const Slots* x : inputs) {
      if (!noisy_) break;
      squares.push_back(*x);
      for (double& v : squares.back()) v *= v;
    }
    for (std::uint32_t o = 0; o < outputs.size(); ++o) {
      Slots& y = outputs[o];
      if (noisy_) {
        const Slots variance = noise.with_weights(o, squares, imaginary);
        for (std::size_t s = 0; s < y.size(); ++s) y[s] += std::sqrt(variance[s]) * gaussian_();
      }
      for (const int k : map.plan.folds) {
        const Slots copy = y;
        add_rotated(y, copy, cyclic(k, y.size()));
        add_noise(y, noise.fold);
      }
      add_noise(y, noise.conjugation);
      imaginary_[op.outputs[o]] = noise.imaginary_part(o, imaginary, map.plan.folds.size());
      values_[op.outputs[o]] = std::move(y);
    }
  }

  const Simulator& simulator_;
  const Program& program_;
  bool noisy_;
  Gaussian gaussian_;
  std::vector<Slots> values_;
  std::vector<double> imaginary_;  // by value: variance of the imaginary parts of its slots, which are errors only
};

Simulator::Simulator(std::shared_ptr<const Program> program) : program_(std::move(program)) {
  compiler::validate(*program_);
  for (const auto& ring : compiler::rings_of(program_->parameters)) noise_.emplace_back(ring);
  scales_.assign(program_->values(), program_->input_scale);
  last_use_.assign(program_->values(), 0);
  map_noise_.resize(program_->ops.size());
  for (std::size_t i = 0; i < program_->ops.size(); ++i) {
    const Op& op = program_->ops[i];
    for (const std::uint32_t v : op.inputs) last_use_[v] = i;
    for (const std::uint32_t v : op.outputs) {
      last_use_[v] = i;
      scales_[v] = op.scale;
    }
    if (op.kind == OpKind::kLinearMap) {
      map_noise_[i] = std::make_unique<const MapNoise>(op, program_->maps[op.operand], scales_,
                                                       program_->slots(op.ring), noise_[op.ring]);
    }
  }
  for (const std::uint32_t v : program_->results) last_use_[v] = kEnd;
}

Simulator::~Simulator() = default;

std::vector<double> Simulator::run(std::span<const double> slots, std::optional<std::uint64_t> noise_seed) const {
  if (slots.size() != program_->input.element.size()) {
    throw InvalidArgument(std::to_string(slots.size()) + " slots where the program takes " +
                          std::to_string(program_->input.element.size()));
  }
  return Run(*this, noise_seed)(slots);
}

std::vector<double> simulate(const Program& program, std::span<const double> slots,
                             std::optional<std::uint64_t> noise_seed) {
  return Simulator({std::shared_ptr<const void>(), &program}).run(slots, noise_seed);
}

}  // namespace blindsight::runtime
