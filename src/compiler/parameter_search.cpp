#include "blindsight/compiler/parameter_search.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "blindsight/compiler/noise.h"

namespace blindsight::compiler {

namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr unsigned kMaxOutputBits = 46;

unsigned narrowest(unsigned log_n) { return log_n + 8; }  // narrower ones may have no prime ≡ 1 mod 2N to spare

double squared(double x) { return x * x; }

/// Hill climbing: shift bits between primes, shift scales.
ParameterChoice climb(unsigned log_n, ScalePlan start, const std::vector<MapStatistics>& maps, unsigned budget) {
  ParameterChoice best{start, predicted_error(log_n, start, maps)};
  const std::size_t primes = start.q_bits.size();  // q_bits[1..] and P may change; q_bits[0] is given
  const auto width = [&](ScalePlan& s, std::size_t i) -> unsigned& { return i == 0 ? s.p_bits : s.q_bits[i]; };
  for (;;) {
    ParameterChoice next = best;
    const auto consider = [&](const ScalePlan& s) {
      unsigned sum = s.p_bits;
      for (const unsigned bits : s.q_bits) sum += bits;
      if (sum > budget || s.p_bits > ring::kMaxPrimeBits || s.p_bits < narrowest(log_n)) return;
      for (const unsigned bits : s.q_bits) {
        if (bits > ring::kMaxPrimeBits || bits < narrowest(log_n)) return;
      }
      const double error = predicted_error(log_n, s, maps);
      if (error < next.error * (1 - 1e-9)) next = {s, error};
    };
    for (const double shift : {-2.0, -0.5, 0.0, 0.5, 2.0}) {
      for (const double weight : {-2.0, -0.5, 0.0, 0.5, 2.0}) {
        ScalePlan s = best.scales;
        s.log_delta += shift;
        s.log_first_weight += weight;
        consider(s);
        for (std::size_t i = 0; i < primes; ++i) {
          ScalePlan grown = s;
          ++width(grown, i);
          consider(grown);
          for (std::size_t j = 0; j < primes; ++j) {
            if (i == j) continue;
            ScalePlan shifted = grown;
            --width(shifted, j);
            consider(shifted);
          }
        }
      }
    }
    if (!(next.error < best.error)) return best;
    best = next;
  }
}

}  // namespace

double predicted_error(unsigned log_n, const ScalePlan& scales, const std::vector<MapStatistics>& maps) {
  std::vector<double> log_q(scales.q_bits.begin(), scales.q_bits.end());
  const NoiseModel noise(log_n, log_q, {static_cast<double>(scales.p_bits)});
  const std::size_t depth = maps.size();
  std::vector<double> log_modulus(log_q.size());
  std::partial_sum(log_q.begin(), log_q.end(), log_modulus.begin());
  double variance = 0;
  for (std::size_t k = 0; k < depth; ++k) {
    const MapStatistics& m = maps[k];
    const auto level = static_cast<unsigned>(depth - k);
    const bool last = k + 1 == depth;
    const double log_out = last ? scales.log_out : scales.log_delta;
    const double log_product = log_out + log_q[level];
    const double log_weight = k == 0 ? scales.log_first_weight : log_product - 2 * scales.log_delta;
    const double log_in = log_product - log_weight;
    if (log_weight < 4 || log_weight > 58 || log_in > 60 || log_in < 20 || log_out < 12) return kInfinity;
    // Room: the result of the map, and its square.
    const double log_bound = std::log2(m.slot_bound);
    const double needed =
        last ? log_out + log_bound + std::log2(2 * kOutputMargin) : 2 * log_out + 2 * std::max(0.0, log_bound) + 2;
    if (needed > log_modulus[level - 1]) return kInfinity;

    const double in = std::exp2(log_in);
    const double product = std::exp2(log_product);
    const double folds = static_cast<double>(m.fold_factor);
    if (k == 0) variance = noise.fresh(in);
    variance = m.gain * variance + (m.has_babies ? m.rotated_gain * noise.key_switch(level, in) : 0) +
               folds * static_cast<double>(m.terms) * noise.encoding(std::exp2(log_weight)) * m.input_square +
               (static_cast<double>(m.giants) * folds + folds - 1) * noise.key_switch(level, product) +
               noise.rounding(std::exp2(log_out)) + noise.encoding(std::exp2(log_out));
    if (!last) {
      variance =
          4 * m.value_square * variance + 2 * squared(variance) + noise.key_switch(level - 1, std::exp2(2 * log_out));
    }
  }
  return std::sqrt(variance);
}

bool may_fit(unsigned log_n, std::size_t maps) {
  return static_cast<double>(maps + 2) * narrowest(log_n) <= ckks::max_log_qp(log_n);
}

std::optional<ParameterChoice> search_parameters(unsigned log_n, const std::vector<MapStatistics>& maps,
                                                 double precision) {
  const auto budget = static_cast<unsigned>(ckks::max_log_qp(log_n));
  const auto depth = static_cast<unsigned>(maps.size());
  std::vector<ParameterChoice> found;
  for (unsigned out_bits = narrowest(log_n); out_bits <= kMaxOutputBits; ++out_bits) {
    ParameterChoice best;
    best.error = kInfinity;
    for (const double log_delta : {20.0, 26.0, 32.0, 38.0}) {
      for (const unsigned p_bits : {40U, 50U}) {
        if (out_bits + p_bits >= budget) continue;
        const unsigned words = std::min<unsigned>(ring::kMaxPrimeBits, (budget - out_bits - p_bits) / depth);
        if (words < narrowest(log_n)) continue;
        ScalePlan start;
        start.q_bits.assign(depth + 1, words);
        start.q_bits[0] = out_bits;
        start.p_bits = p_bits;
        start.log_delta = log_delta;
        start.log_first_weight = std::max(6.0, words + log_delta - 46);
        start.log_out = out_bits - std::log2(2 * kOutputMargin * maps.back().slot_bound) - 1e-6;
        const ParameterChoice choice = climb(log_n, start, maps, budget);
        if (choice.error < best.error) best = choice;
      }
    }
    if (best.error < kInfinity) found.push_back(best);
  }
  if (found.empty()) return std::nullopt;
  double least = kInfinity;
  for (const ParameterChoice& choice : found) least = std::min(least, choice.error);
  // The last prime is what the result's bytes are: no wider than a fifth of the error asked for, or than what is within
  // reach, calls for. `found` has it in rising order.
  for (const ParameterChoice& choice : found) {
    if (choice.error <= std::max(1.2 * least, 0.2 * precision)) return choice;
  }
  return std::nullopt;
}

}  // namespace blindsight::compiler
