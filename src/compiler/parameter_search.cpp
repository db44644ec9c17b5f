#include "blindsight/compiler/parameter_search.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numbers>
#include <numeric>

#include "blindsight/base/parallel.h"
#include "blindsight/compiler/noise.h"
#include "blindsight/compiler/slots.h"

namespace blindsight::compiler {

namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr unsigned kMaxOutputBits = 46;
constexpr unsigned kMinWeightBits = 4;
constexpr unsigned kMaxWeightBits = 58;
constexpr unsigned kMinScaleBits = 12;
/// Margin of a value over the modulus that it wraps at, in bits.
constexpr double kRoomBits = 2;

unsigned narrowest(unsigned log_n) { return log_n + 8; }  // narrower ones may have no prime ≡ 1 mod 2N to spare

unsigned sum_of(const std::vector<unsigned>& bits) { return std::accumulate(bits.begin(), bits.end(), 0U); }

std::vector<double> as_doubles(const std::vector<unsigned>& bits) { return {bits.begin(), bits.end()}; }

/// Whether every ring is within 128 bits.
bool secure(unsigned log_n, const ScalePlan& plan) {
  if (sum_of(plan.q_bits) + sum_of(plan.p_bits) > ckks::max_log_qp(log_n)) return false;
  for (std::size_t r = 0; r < plan.smaller.size(); ++r) {
    const ckks::SmallerRing& ring = plan.smaller[r];
    const auto q_end = plan.q_bits.begin() + static_cast<std::ptrdiff_t>(ring.level) + 1;
    const auto p_end = plan.p_bits.begin() + static_cast<std::ptrdiff_t>(ring.special_limbs);
    const unsigned sum =
        std::accumulate(plan.q_bits.begin(), q_end, 0U) + std::accumulate(plan.p_bits.begin(), p_end, 0U);
    if (sum > ckks::max_log_qp(log_n - static_cast<unsigned>(r) - 1)) return false;
  }
  return true;
}

double mean_row_norm(const nn::SparseMatrix& matrix) {
  double sum = 0;
  for (const double w : matrix.value) sum += w * w;
  return sum / static_cast<double>(matrix.rows);
}

ErrorModel common(const nn::QuadraticNetwork& network, const std::vector<ValueStatistics>& values) {
  ErrorModel model;
  model.depths = network.depths();
  model.values = values;
  model.squared.assign(values.size(), false);
  for (const nn::Stage& stage : network.stages) {
    for (const nn::StageTerm& term : stage.terms) {
      if (term.squared) model.squared[term.value] = true;
    }
  }
  return model;
}

/// Which part of a plaintext rounding takes away, on top of what it adds as noise, where its coefficients are normal of
/// this standard deviation: all of it where they are far below 1/2, next to nothing from 1 on (the first harmonic of
/// the rounding error's Fourier series). It matters for diagonals that are nearly empty.
double lost_to_rounding(double deviation) {
  if (deviation > 3) return 0;  // below 1e-76; where exp underflows it is slow
  return std::min(1.0, 2 * std::exp(-2 * std::numbers::pi * std::numbers::pi * deviation * deviation));
}

double input_square(const ErrorModel& model, std::size_t value, bool squared) {
  return squared ? model.values[value].mean_fourth : model.values[value].mean_square;
}

/// Search by moves on a plan: widths shift between primes, scales up and down.
class Climb {
 public:
  Climb(unsigned log_n, const ErrorModel& model, ScalePlan start) : log_n_(log_n), model_(model) {
    best_ = {std::move(start), 0};
    best_.error = predicted_error(log_n_, best_.scales, model_);
  }

  ParameterChoice run() {
    bool better = true;
    while (better) {
      better = shift_scales();
      better = shift_widths() || better;
    }
    return best_;
  }

 private:
  bool consider(const ScalePlan& plan) {
    if (!secure(log_n_, plan)) return false;
    const auto fits = [&](unsigned bits) { return bits >= narrowest(log_n_) && bits <= ring::kMaxPrimeBits; };
    if (!std::all_of(plan.q_bits.begin(), plan.q_bits.end(), fits)) return false;
    if (!std::all_of(plan.p_bits.begin(), plan.p_bits.end(), fits)) return false;
    const double error = predicted_error(log_n_, plan, model_);
    if (!(error < best_.error * (1 - 1e-6))) return false;
    best_ = {plan, error};
    return true;
  }

  bool shift_scales() {
    bool better = false;
    for (const double step : {4.0, -4.0, 1.0, -1.0, 0.25, -0.25}) {
      ScalePlan all = best_.scales;
      for (std::size_t v = 1; v + 1 < all.log_scale.size(); ++v) all.log_scale[v] += step;
      better = consider(all) || better;
      for (std::size_t v = 0; v + 1 < best_.scales.log_scale.size(); ++v) {
        ScalePlan one = best_.scales;
        one.log_scale[v] += step;
        better = consider(one) || better;
      }
    }
    return better;
  }

  /// All special primes have one width; q_bits[0] is given.
  bool shift_widths() {
    bool better = false;
    const std::size_t primes = best_.scales.q_bits.size();
    const auto widen = [](ScalePlan& plan, std::size_t i, int by) {
      if (i == 0) {
        for (unsigned& bits : plan.p_bits) bits = static_cast<unsigned>(static_cast<int>(bits) + by);
      } else {
        plan.q_bits[i] = static_cast<unsigned>(static_cast<int>(plan.q_bits[i]) + by);
      }
    };
    for (std::size_t i = 0; i < primes; ++i) {
      ScalePlan grown = best_.scales;
      widen(grown, i, 1);
      better = consider(grown) || better;
      for (std::size_t j = 0; j < primes; ++j) {
        if (i == j) continue;
        ScalePlan shifted = best_.scales;
        widen(shifted, i, 1);
        widen(shifted, j, -1);
        if (consider(shifted)) {
          better = true;
          continue;
        }
        // A wider word pays only with a larger scale on either side of it.
        for (const double step : {0.5, -0.5}) {
          ScalePlan both = shifted;
          for (std::size_t v = 1; v + 1 < both.log_scale.size(); ++v) both.log_scale[v] += step;
          better = consider(both) || better;
        }
      }
    }
    return better;
  }

  unsigned log_n_;
  const ErrorModel& model_;
  ParameterChoice best_;
};

/// How much larger than the values the sums of other rows get that low folds leave behind.
double junk_bound(const Lowered& lowered, std::size_t stage, const std::vector<std::vector<Slots>>& slots) {
  double largest = 0, junk = 0;
  for (const auto& values : slots) {
    const Layout& layout = lowered.stages[stage].output;
    for (std::size_t s = 0; s < values[stage + 1].size(); ++s) {
      double& bound = layout.element[s] >= 0 ? largest : junk;
      bound = std::max(bound, std::abs(values[stage + 1][s]));
    }
  }
  return largest > 0 ? junk / largest : 0;
}

}  // namespace

ErrorModel least_errors(const nn::QuadraticNetwork& network, const std::vector<ValueStatistics>& values) {
  ErrorModel model = common(network, values);
  for (std::size_t s = 0; s < network.stages.size(); ++s) {
    const nn::Stage& stage = network.stages[s];
    StageErrors errors;
    errors.period = nn::element_count(stage.shape);
    errors.slot_bound = values[s + 1].range;
    for (const nn::StageTerm& term : stage.terms) {
      const double products =
          static_cast<double>(term.matrix.nonzeros()) / static_cast<double>(std::max<std::size_t>(1, term.matrix.rows));
      errors.sources.push_back(
          {term.value, term.squared, products * input_square(model, term.value, term.squared), 0.0, 0.0, {}});
    }
    model.stages.push_back(std::move(errors));
  }
  return model;
}

ErrorModel errors_of(const nn::QuadraticNetwork& network, const std::vector<ValueStatistics>& values,
                     const Lowered& lowered, const std::vector<std::vector<double>>& inputs) {
  ErrorModel model = common(network, values);
  bool junk = false;
  for (const LoweredStage& stage : lowered.stages) {
    junk = junk ||
           std::find(stage.output.element.begin(), stage.output.element.end(), kAnything) != stage.output.element.end();
  }
  std::vector<std::vector<Slots>> slots;
  if (junk) {
    for (std::size_t i = 0; i < std::min<std::size_t>(inputs.size(), 4); ++i) {
      slots.push_back(slot_values(lowered, inputs[i]));
    }
  }
  for (std::size_t s = 0; s < lowered.stages.size(); ++s) {
    const LoweredStage& stage = lowered.stages[s];
    const KeySwitchCount count = count_key_switches(stage.plan);
    StageErrors errors;
    errors.period = std::size_t{1} << stage.log_period;
    errors.partial_sums = std::exp2(stage.plan.folds.size());
    errors.giants =
        static_cast<double>(count.giants) / stage.plan.outputs * errors.partial_sums + (errors.partial_sums - 1);
    errors.paired = stage.plan.paired != 0;
    if (errors.paired) errors.giants = 4 * errors.giants + 1;  // doubled by the conjugate, and that
    const double weight_scale = errors.paired ? 0.5 : 1;
    errors.slot_bound = values[s + 1].range * std::max(1.0, junk ? junk_bound(lowered, s, slots) : 0.0);
    for (const nn::StageTerm& term : network.stages[s].terms) {
      // Diagonals that read this term, and how full their input's slots are.
      double diagonals = 0, all = 0, rotated = 0;
      std::map<int, double> by_size;  // by log2 of the root mean square: sum of squares
      for (const auto& t : stage.plan.terms) {
        const LoweredSource& source = stage.sources[t.input];
        if (source.value != term.value || source.squared != term.squared) continue;
        for (const std::uint32_t d : {t.diagonal, t.partner}) {
          diagonals += 1 / (weight_scale * weight_scale);
          double squares = 0;
          for (const double w : stage.diagonals[d].values()) squares += w * w;
          squares *= static_cast<double>(errors.period) / static_cast<double>(stage.diagonals[d].period());
          all += squares;
          if (squares > 0) {
            const double mean = squares / static_cast<double>(errors.period);
            by_size[static_cast<int>(std::floor(std::log2(mean * weight_scale * weight_scale) / 2))] += squares;
          }
          if (t.baby != 0) rotated += squares;
          if (!errors.paired) break;
        }
      }
      const Layout& layout = term.value == 0 ? lowered.input : lowered.stages[term.value - 1].output;
      std::size_t filled = 0;
      for (const std::int32_t e : layout.element) filled += e != kZero ? 1 : 0;
      const double fill = static_cast<double>(filled) / static_cast<double>(layout.element.size());
      errors.sources.push_back(
          {term.value,
           term.squared,
           errors.partial_sums * diagonals / stage.plan.outputs * fill * input_square(model, term.value, term.squared),
           all > 0 ? mean_row_norm(term.matrix) * rotated / all : 0,
           errors.paired ? mean_row_norm(term.matrix) : 0,
           {}});
      const double output = mean_row_norm(term.matrix) * input_square(model, term.value, term.squared);
      for (const auto& [log_rms, squares] : by_size) {
        errors.sources.back().losses.push_back({std::exp2(log_rms), output * squares / all});
      }
    }
    model.stages.push_back(std::move(errors));
  }
  return model;
}

namespace {

std::vector<NoiseModel> noise_of_rings(unsigned log_n, const ScalePlan& scales) {
  const std::vector<double> q = as_doubles(scales.q_bits), p = as_doubles(scales.p_bits);
  std::vector<NoiseModel> rings{{log_n, q, p}};
  for (const ckks::SmallerRing& ring : scales.smaller) {
    rings.emplace_back(--log_n, std::vector(q.begin(), q.begin() + static_cast<std::ptrdiff_t>(ring.level) + 1),
                       std::vector(p.begin(), p.begin() + static_cast<std::ptrdiff_t>(ring.special_limbs)));
  }
  return rings;
}

}  // namespace

double predicted_error(unsigned log_n, const ScalePlan& scales, const ErrorModel& model) {
  const std::vector<NoiseModel> rings = noise_of_rings(log_n, scales);
  const unsigned depth = model.depths.back();
  std::vector<double> room(scales.q_bits.size());  // log2 of the modulus, by level
  double sum = 0;
  for (std::size_t l = 0; l < room.size(); ++l) room[l] = sum += scales.q_bits[l];

  const auto input_room = 2 * std::max(0.0, std::log2(model.values[0].range)) + kRoomBits;
  if (scales.log_scale[0] < kMinScaleBits || scales.log_scale[0] > 60 ||
      scales.log_scale[0] * (model.squared[0] ? 2 : 1) + input_room > room[depth]) {
    return kInfinity;
  }
  // Errors of imaginary parts, as large as those of real ones, join these in the next map whose diagonals go in pairs.
  std::size_t end = 0;  // behind the last such map
  for (std::size_t s = 0; s < model.stages.size(); ++s) end = model.stages[s].paired ? s + 1 : end;
  const auto parts = [end](std::size_t value) { return value < end ? 2 : 1; };
  double variance = parts(0) * model.values[0].sensitivity * rings[0].fresh(std::exp2(scales.log_scale[0]));
  for (std::size_t s = 0; s < model.stages.size(); ++s) {
    const StageErrors& stage = model.stages[s];
    const ValueStatistics& value = model.values[s + 1];
    const bool last = s + 1 == model.stages.size();
    const unsigned level = depth - model.depths[s + 1];  // of the result
    const unsigned ring = ring_of(scales.smaller, level + 1), next = last ? ring : ring_of(scales.smaller, level);
    const NoiseModel& noise = rings[ring];
    const double log_scale = scales.log_scale[s + 1];
    const double log_product = log_scale + scales.q_bits[level + 1];
    if (log_scale < kMinScaleBits) return kInfinity;
    const double log_bound = std::log2(stage.slot_bound);
    const double needed = last                   ? log_scale + log_bound + std::log2(2 * kOutputMargin)
                          : model.squared[s + 1] ? 2 * log_scale + 2 * std::max(0.0, log_bound) + kRoomBits
                                                 : log_scale + std::max(0.0, log_bound) + kRoomBits;
    if (needed > room[level]) return kInfinity;

    double local = stage.giants * noise.key_switch(level + 1, std::exp2(log_product)) +
                   noise.rounding(std::exp2(log_scale)) + noise.encoding(std::exp2(log_scale), stage.period);
    for (const StageErrors::Source& source : stage.sources) {
      const double log_in = scales.log_scale[source.value] * (source.squared ? 2 : 1);
      const double log_weight = log_product - log_in;
      if (log_weight < kMinWeightBits || log_weight > kMaxWeightBits) return kInfinity;
      const double weight_scale = std::exp2(log_weight), spread = std::sqrt(2.0 * stage.period);
      local += source.weight_error * noise.encoding(weight_scale, stage.period) +
               source.rotated_gain * noise.extended_switch(level + 1, std::exp2(log_in)) +
               source.paired_gain * noise.key_switch(level + 1, std::exp2(log_in));
      for (const StageErrors::Source::Loss& loss : source.losses) {
        const double lost = lost_to_rounding(weight_scale * loss.rms / spread);
        local += lost * lost * loss.contribution;
      }
    }
    for (unsigned r = ring + 1; r <= next; ++r) local += rings[r].switch_ring(level, std::exp2(log_scale));
    variance += parts(s + 1) * value.sensitivity * local;
    if (model.squared[s + 1]) {
      variance += parts(s + 1) * value.square_sensitivity *
                  (rings[next].key_switch(level, std::exp2(2 * log_scale)) + 2 * local * local);
    }
  }
  return std::sqrt(variance);
}

bool may_fit(unsigned log_n, std::size_t depth) {
  return static_cast<double>(depth + 2) * narrowest(log_n) <= ckks::max_log_qp(log_n);
}

namespace {

/// Of a convolution's mix of operations in a ring of degree 2^log_n, in transforms of the largest.
double typical_price(unsigned level, unsigned special, unsigned log_n, unsigned log_largest) {
  constexpr double kHoisted = 16, kGiants = 12, kKeys = 18, kProducts = 200;
  constexpr double kKeyMemory = 1.5;  // what a limb of a key is worth in transforms
  const LevelCost cost(level, special, log_n, log_largest);
  return kHoisted * cost.switch_one + kGiants * cost.giant + kProducts * cost.product +
         kProducts * cost.encode(cost.slots / 2) + kKeyMemory * kKeys * cost.key_limbs;
}

}  // namespace

namespace {

/// All chains of rings, the cheapest kept.
class RingSearch {
 public:
  RingSearch(unsigned log_n, const std::vector<unsigned>& needed_log_slots, std::size_t most)
      : log_n_(log_n), needed_(needed_log_slots), most_(most) {}

  RingChoice run() {
    const unsigned depth = static_cast<unsigned>(needed_.size()) - 1;
    const double room = (ckks::max_log_qp(log_n_) - (depth + 1.0) * ring::kMaxPrimeBits) / ring::kMaxPrimeBits;
    const unsigned most = std::min({static_cast<unsigned>(std::max(1.0, std::floor(room))), depth + 1,
                                    static_cast<unsigned>(ckks::kMaxSpecialLimbs)});
    // One number for all levels of a ring: a rotation used with two of them needs two keys, and fewer special limbs
    // mean more digits, hence larger keys.
    for (unsigned special = 1; special <= most; ++special) {
      now_.special_limbs = special;
      follow(depth, special, 0);
    }
    return best_;
  }

 private:
  /// Levels up to `top` are still to be priced, in the ring of so many steps or smaller ones.
  void follow(unsigned top, unsigned special, double price) {
    const auto steps = static_cast<unsigned>(now_.smaller.size());
    const auto down_to = [&](unsigned level) {
      double sum = price;
      for (unsigned l = level + 1; l <= top; ++l) sum += typical_price(l, special, log_n_ - steps, log_n_);
      return sum;
    };
    if (const double all = down_to(0); all < best_price_) {
      best_price_ = all;
      best_ = now_;
    }
    if (steps == most_ || log_n_ - steps == ckks::kMinLogN) return;
    const double limit = ckks::max_log_qp(log_n_ - steps - 1);
    for (unsigned next = 1; next <= special; ++next) {
      const double words =
          std::floor((limit - next * ring::kMaxPrimeBits) / ring::kMaxPrimeBits + kFirstWord) - 1;  // beside the first
      if (words < 1) break;
      unsigned level = 0;
      while (level < std::min(top, static_cast<unsigned>(words)) && needed_[level + 1] <= log_n_ - steps - 2) ++level;
      if (level == 0) break;
      now_.smaller.push_back({level, next});
      follow(level, next, down_to(level));
      now_.smaller.pop_back();
    }
  }

  /// How much narrower than the others the last prime is, in words.
  static constexpr double kFirstWord = 0.4;
  unsigned log_n_;
  const std::vector<unsigned>& needed_;
  std::size_t most_;
  RingChoice now_, best_;
  double best_price_ = kInfinity;
};

}  // namespace

RingChoice choose_rings(unsigned log_n, const std::vector<unsigned>& needed_log_slots, std::size_t most) {
  return RingSearch(log_n, needed_log_slots, most).run();
}

namespace {

/// Makes the words that smaller rings have narrow enough for them; false where they can't be.
bool narrow(unsigned log_n, ScalePlan& plan) {
  for (std::size_t r = 0; r < plan.smaller.size(); ++r) {
    const ckks::SmallerRing& ring = plan.smaller[r];
    const auto limit = static_cast<unsigned>(ckks::max_log_qp(log_n - static_cast<unsigned>(r) - 1));
    const unsigned fixed = plan.q_bits[0] + ring.special_limbs * plan.p_bits[0];
    if (fixed >= limit) return false;
    for (unsigned l = 1; l <= ring.level; ++l) plan.q_bits[l] = std::min(plan.q_bits[l], (limit - fixed) / ring.level);
    if (plan.q_bits[1] < narrowest(log_n)) return false;
  }
  return true;
}

}  // namespace

std::optional<ParameterChoice> search_parameters(unsigned log_n, const ErrorModel& model, const RingChoice& rings,
                                                 double precision) {
  const auto budget = static_cast<unsigned>(ckks::max_log_qp(log_n));
  const unsigned depth = model.depths.back();
  const unsigned specials = rings.special_limbs;
  const unsigned least_bits = narrowest(log_n);
  std::vector<ParameterChoice> by_bits(kMaxOutputBits + 1 - least_bits);  // of the last prime
  parallel_for(by_bits.size(), [&](std::size_t i) {
    const unsigned out_bits = least_bits + static_cast<unsigned>(i);
    ParameterChoice& best = by_bits[i];
    best.error = kInfinity;
    for (const double log_scale : {20.0, 26.0, 32.0, 38.0}) {
      for (const unsigned p_bits : {40U, 50U}) {
        if (out_bits + specials * p_bits >= budget) continue;
        const unsigned words = std::min<unsigned>(ring::kMaxPrimeBits, (budget - out_bits - specials * p_bits) / depth);
        if (words < least_bits) continue;
        ScalePlan start;
        start.q_bits.assign(depth + 1, words);
        start.q_bits[0] = out_bits;
        start.p_bits.assign(specials, p_bits);
        start.smaller = rings.smaller;
        if (!narrow(log_n, start)) continue;
        start.log_scale.assign(model.values.size(), log_scale);
        start.log_scale.back() = out_bits - std::log2(2 * kOutputMargin * model.stages.back().slot_bound) - 1e-6;
        const ParameterChoice choice = Climb(log_n, model, std::move(start)).run();
        if (choice.error < best.error) best = choice;
      }
    }
  });
  std::vector<ParameterChoice> found;
  for (ParameterChoice& choice : by_bits) {
    if (choice.error < kInfinity) found.push_back(std::move(choice));
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
