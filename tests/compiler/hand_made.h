// A program written by hand: two ciphertexts in, two out, every kind of operation, weights of several periods.
#pragma once

#include <cmath>
#include <cstdint>
#include <random>
#include <vector>

#include "blindsight/compiler/program.h"

namespace blindsight::test {

inline std::vector<double> uniform(std::uint64_t seed, std::size_t size, double bound = 1) {
  std::mt19937_64 random(seed);
  std::vector<double> x(size);
  for (double& v : x) v = bound * (static_cast<double>(random() >> 11) * 0x1p-52 - 1);
  return x;
}

/// A diagonal of this period with at most `distinct` values, or as many as there are slots (0).
inline ckks::Diagonal diagonal(std::uint64_t seed, std::size_t period, std::size_t distinct, double bound = 1) {
  std::mt19937_64 random(seed);
  std::vector<double> values = uniform(seed, period, bound);
  if (distinct > 0) {
    const std::vector<double> few = uniform(seed + 1, distinct, bound);
    for (double& v : values) v = few[random() % distinct];
  }
  return ckks::Diagonal(values);
}

/// %0, %1 = inputs at level 2, scale 2^30. First map: two outputs; rescaled, one with a bias; both squared; second map:
/// both squares and one of the values before, at other weight scales, with folds; rescaled. Second result: %1, dropped.
inline compiler::Program hand_made_program(unsigned log_n = 13) {
  using compiler::OpKind;
  compiler::Program p;
  p.parameters = ckks::ParametersLiteral::from_bits(log_n, {42, 40, 40}, {45});
  const std::size_t slots = p.slots();
  const int n = static_cast<int>(slots);
  p.input_level = 2;
  p.input_scale = 0x1p30;
  p.input_elements = 2 * slots - 5;
  p.output_elements = 24;
  p.input.element.assign(2 * slots, compiler::kZero);
  for (std::size_t i = 0; i < p.input_elements; ++i) p.input.element[i] = static_cast<std::int32_t>(i);
  p.output.element.assign(2 * slots, compiler::kAnything);
  for (std::int32_t i = 0; i < 16; ++i) p.output.element[static_cast<std::size_t>(i)] = i;
  for (std::int32_t i = 0; i < 8; ++i) p.output.element[slots + static_cast<std::size_t>(i)] = 16 + i;

  const double delta = 0x1p28;
  const auto q = [&](std::size_t i) { return static_cast<double>(p.parameters.q[i]); };
  compiler::Map first;
  first.plan.inputs = 2;
  first.plan.outputs = 2;
  first.plan.terms = {{0, 0, -3, 0, 0}, {0, 0, 0, 0, 1}, {1, 0, 5, 0, 2}, {0, 0, 0, 64, 3},
                      {1, 0, 5, 64, 4}, {0, 1, 0, 0, 5}, {1, 1, 0, 0, 0}, {1, 1, 5, n - 7, 6}};
  first.diagonals = {diagonal(1, slots, 0, 0.5),  diagonal(2, slots, 30, 0.5),      diagonal(3, 64, 0, 0.5),
                     diagonal(4, 1, 0, 0.5),      diagonal(5, slots / 2, 256, 0.5), diagonal(6, 1024, 3, 0.5),
                     diagonal(7, slots, 257, 0.5)};
  first.weight_scale = {q(2) * delta / 0x1p30, q(2) * delta / 0x1p30};
  compiler::Map second;
  second.plan.inputs = 3;
  second.plan.outputs = 1;
  second.plan.terms = {{0, 0, 0, 0, 0}, {1, 0, 9, 0, 1}, {2, 0, 0, 32, 0}};
  second.plan.folds = {16, n / 2};
  second.diagonals = {diagonal(8, slots, 16, 0.5), diagonal(9, 512, 0, 0.5)};
  const double product = q(1) * 0x1p30;
  second.weight_scale = {product / (delta * delta), product / (delta * delta), product / delta};
  p.maps = {first, second};
  p.vectors = {diagonal(10, slots, 0, 0.3), diagonal(11, 8, 0, 0.3)};
  p.ops = {{OpKind::kLinearMap, {0, 1}, {2, 3}, 0, 2, q(2) * delta, "first"},
           {OpKind::kRescale, {2}, {4}, 0, 1, delta, "first"},
           {OpKind::kRescale, {3}, {5}, 0, 1, delta, "first"},
           {OpKind::kAddVector, {4}, {6}, 0, 1, delta, "bias"},
           {OpKind::kAddVector, {5}, {7}, 1, 1, delta, "bias"},
           {OpKind::kSquare, {6}, {8}, 0, 1, delta * delta, ""},
           {OpKind::kSquare, {7}, {9}, 0, 1, delta * delta, ""},
           {OpKind::kLinearMap, {8, 9, 6}, {10}, 1, 1, product, "second"},
           {OpKind::kRescale, {10}, {11}, 0, 0, 0x1p30, "second"},
           {OpKind::kDropLevel, {1}, {12}, 0, 0, 0x1p30, "beside"}};
  p.results = {11, 12};
  p.keys = compiler::required_keys(p);
  return p;
}

/// The same with the diagonals of both maps in pairs: other values.
inline compiler::Program paired_program() {
  compiler::Program p = hand_made_program();
  for (compiler::Map& map : p.maps) {
    const auto count = static_cast<std::uint32_t>(map.diagonals.size());
    map.plan.paired = map.plan.inputs == 2 ? 17 : static_cast<int>(p.slots() / 2);
    for (auto& term : map.plan.terms) term.partner = (term.diagonal + 1) % count;
  }
  p.keys = compiler::required_keys(p);
  return p;
}

/// What the program means, slot by slot, written as plainly as can be.
inline std::vector<double> run_plainly(const compiler::Program& p, const std::vector<double>& slots) {
  using compiler::OpKind;
  const std::size_t n = p.slots();
  std::vector<std::vector<double>> values;
  for (std::size_t i = 0; i < p.input_ciphertexts(); ++i) {
    values.emplace_back(slots.begin() + static_cast<std::ptrdiff_t>(i * n),
                        slots.begin() + static_cast<std::ptrdiff_t>((i + 1) * n));
  }
  const auto at = [n](long s) {
    return static_cast<std::size_t>((s % static_cast<long>(n) + static_cast<long>(n)) % static_cast<long>(n));
  };
  for (const compiler::Op& op : p.ops) {
    if (op.kind == OpKind::kLinearMap) {
      const compiler::Map& map = p.maps[op.operand];
      std::vector<std::vector<double>> made(map.plan.outputs, std::vector<double>(n, 0.0));
      for (const auto& term : map.plan.terms) {
        for (std::size_t s = 0; s < n; ++s) {
          made[term.output][s] += map.diagonals[term.diagonal][s] *
                                  values[op.inputs[term.input]][at(static_cast<long>(s) + term.baby + term.giant)];
          if (map.plan.paired == 0) continue;
          made[term.output][s] +=
              map.diagonals[term.partner][s] *
              values[op.inputs[term.input]][at(static_cast<long>(s) + term.baby + term.giant + map.plan.paired)];
        }
      }
      for (auto& y : made) {
        for (const int k : map.plan.folds) {
          const auto copy = y;
          for (std::size_t s = 0; s < n; ++s) y[s] += copy[at(static_cast<long>(s) + k)];
        }
        values.push_back(y);
      }
      continue;
    }
    std::vector<double> x = values[op.inputs[0]];
    for (std::size_t s = 0; s < n; ++s) {
      if (op.kind == OpKind::kAddVector) x[s] += p.vectors[op.operand][s];
      if (op.kind == OpKind::kSquare) x[s] *= x[s];
    }
    values.push_back(x);
  }
  std::vector<double> out;
  for (const std::uint32_t v : p.results) out.insert(out.end(), values[v].begin(), values[v].end());
  return out;
}

}  // namespace blindsight::test
