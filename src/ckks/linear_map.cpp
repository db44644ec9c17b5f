#include "blindsight/ckks/linear_map.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <map>
#include <mutex>
#include <numeric>
#include <optional>
#include <string>
#include <tuple>
#include <utility>

#include "blindsight/base/error.h"
#include "blindsight/base/parallel.h"
#include "blindsight/ckks/map_schedule.h"
#include "blindsight/ckks/map_weights.h"
#include "blindsight/ring/kernels.h"

namespace blindsight::ckks {

namespace {

using Words = ring::AlignedVector<std::uint64_t>;
using Group = MapSchedule::Group;

/// Words of packed baby steps that the groups take in turn: they stay in the L2 cache of a core meanwhile. Limbs lie a
/// power of two apart, so unpacked ones would not.
constexpr std::size_t kPackedWords = std::size_t{3} << 14;
/// Between the weights of a limb, for the same reason.
constexpr std::size_t kWeightGap = 72;

constexpr double kScaleTolerance = 1e-9;

/// An inner sum: over Q_level·P, or over Q_level.
struct InnerSum {
  ExtendedCiphertext extended;
  Ciphertext plain;
  std::uint64_t* limb(bool is_extended, int half, std::size_t l) {
    if (!is_extended) return plain.parts[static_cast<std::size_t>(half)].limb(l);
    return (half == 0 ? extended.body : extended.mask).limb(l);
  }
};

/// What pack_symmetric reads: runs too short, in too many places, for the processor to see them coming.
void prefetch_ends(std::span<const std::uint64_t* const> halves, std::size_t n, std::size_t first, std::size_t count) {
  constexpr std::size_t kLine = 8;  // words
  for (const std::uint64_t* half : halves) {
    for (std::size_t i = first; i < first + count; i += kLine) {
      __builtin_prefetch(half + i);
      __builtin_prefetch(half + n - kLine - i);
    }
  }
}

/// Buffers that the tasks of a loop hand on to each other.
class ScratchPool {
 public:
  Words take() {
    const std::lock_guard lock(mutex_);
    if (free_.empty()) return {};
    Words words = std::move(free_.back());
    free_.pop_back();
    return words;
  }
  void give(Words words) {
    const std::lock_guard lock(mutex_);
    free_.push_back(std::move(words));
  }

 private:
  std::mutex mutex_;
  std::vector<Words> free_;
};

}  // namespace

/// What the constructor works out.
struct LinearMap::Encoded {
  MapSchedule schedule;
  std::optional<CachedWeights> weights;
};

namespace {

/// One application of a map.
class Application {
 public:
  Application(const Encoder& encoder, const MapSchedule& schedule, std::span<const Diagonal> diagonals,
              std::span<const double> weight_scale, unsigned level, const CachedWeights* cached,
              const Evaluator& evaluator, std::span<const Ciphertext* const> inputs, const EvaluationKeys& keys)
      : encoder_(encoder),
        context_(*encoder.context()),
        schedule_(schedule),
        diagonals_(diagonals),
        weight_scale_(weight_scale),
        level_(level),
        cached_(cached),
        evaluator_(evaluator),
        inputs_(inputs),
        keys_(keys),
        scale_(inputs[0]->scale * weight_scale[0]),
        words_(weight_words(schedule.period)),
        log_run_(static_cast<unsigned>(std::countr_zero(context_.slots() / words_))) {}

  std::vector<Ciphertext> run(std::uint32_t outputs) {
    make_babies();
    std::vector<Output> results(outputs);
    for (auto rest = std::span(schedule_.groups); !rest.empty();) {
      const auto groups = rest.first(groups_together(rest, cached_ != nullptr));
      rest = rest.subspan(groups.size());
      make_sums(groups);
      for (std::size_t g = 0; g < groups.size(); ++g) add_giant(results[groups[g].output], groups[g], sums_[g]);
    }
    babies_.clear();
    std::vector<Ciphertext> ciphertexts;
    for (Output& output : results) ciphertexts.push_back(finish(output));
    return ciphertexts;
  }

 private:
  struct Output {
    std::optional<ExtendedCiphertext> extended;
    std::optional<Ciphertext> plain;
  };

  void make_babies() {
    babies_.resize(inputs_.size());
    for (std::size_t i = 0; i < inputs_.size(); ++i) {
      std::vector<std::pair<const int, ExtendedCiphertext>*> entries;
      for (const int baby : schedule_.babies[i]) babies_[i].emplace(baby, ExtendedCiphertext{});
      if (babies_[i].empty()) continue;
      for (auto& entry : babies_[i]) entries.push_back(&entry);
      const bool rotates = entries.back()->first != 0;
      const Hoisted hoisted = rotates ? evaluator_.hoist(*inputs_[i]) : Hoisted{inputs_[i], {}};
      parallel_for(entries.size(), [&](std::size_t b) {
        entries[b]->second = evaluator_.rotate_extended(hoisted, entries[b]->first, keys_);
      });
    }
  }

  /// Room for the sum of a group; that of an earlier one where it is still there.
  void prepare(InnerSum& sum, bool extended) {
    if (extended) {
      const ring::BasisPtr& basis = context_.extended_basis(level_);
      if (sum.extended.body.empty()) sum.extended.body = ring::EvalPoly::uninitialised(basis);
      if (sum.extended.mask.empty()) sum.extended.mask = ring::EvalPoly::uninitialised(basis);
      sum.extended.scale = scale_;
      sum.extended.level = level_;
    } else if (sum.plain.parts.empty()) {
      for (int half = 0; half < 2; ++half)
        sum.plain.parts.push_back(ring::EvalPoly::uninitialised(context_.basis(level_)));
      sum.plain.scale = scale_;
    }
  }

  void make_sums(std::span<const Group> groups) {
    std::map<std::uint32_t, std::size_t> position;  // of a weight among those of these groups
    bool extended = false;
    sums_.resize(std::max(sums_.size(), groups.size()));
    for (std::size_t g = 0; g < groups.size(); ++g) {
      prepare(sums_[g], groups[g].extended);
      extended |= groups[g].extended;
      for (const auto& term : groups[g].terms) position.try_emplace(term.weight, position.size());
    }
    std::vector<std::uint32_t> ids(position.size());
    for (const auto& [id, at] : position) ids[at] = id;
    std::optional<WeightCoefficients> coefficients;
    if (cached_ == nullptr) coefficients.emplace(encoder_, schedule_, diagonals_, weight_scale_, level_, ids);
    const ring::Basis& basis = *context_.extended_basis(level_);
    const std::vector<Factors> factors = factors_of(groups, position);
    parallel_for(extended ? basis.size() : level_ + 1, [&](std::size_t l) {
      Words scratch = weight_pool_.take();
      const auto weights = weights_of_limb(ids, coefficients, scratch, basis.tables(l), l);
      sum_limb(groups, factors, weights, l);
      weight_pool_.give(std::move(scratch));
    });
  }

  /// One limb of each weight, words_ words each: from the cache where it has them so, else in `scratch`.
  std::vector<const std::uint64_t*> weights_of_limb(std::span<const std::uint32_t> ids,
                                                    const std::optional<WeightCoefficients>& coefficients,
                                                    Words& scratch, const ring::NttTables& tables, std::size_t l) {
    const std::size_t stride = words_ + kWeightGap;
    scratch.resize(std::max(scratch.size(), ids.size() * stride));
    std::vector<const std::uint64_t*> weights(ids.size(), nullptr);
    std::vector<std::uint64_t*> out(ids.size(), nullptr);
    for (std::size_t i = 0; i < ids.size(); ++i) {
      if (l > level_ && !schedule_.weight_special[ids[i]]) continue;
      const std::size_t own = own_words(ids[i]);
      // A shorter period at the end of its room, from where it is repeated without being overtaken.
      if (cached_ == nullptr) out[i] = scratch.data() + i * stride + words_ - own;
      weights[i] = cached_ == nullptr ? out[i] : cached_->words(ids[i], l);
    }
    if (coefficients) coefficients->transform(out, tables);
    for (std::size_t i = 0; i < ids.size(); ++i) {
      const std::size_t own = own_words(ids[i]);
      if (weights[i] == nullptr || own == words_) continue;
      std::uint64_t* const repeated = scratch.data() + i * stride;
      const std::size_t run = words_ / own;
      for (std::size_t w = 0; w < own; ++w) {
        const std::uint64_t word = weights[i][w];
        std::fill_n(repeated + w * run, run, word);
      }
      weights[i] = repeated;
    }
    return weights;
  }

  std::size_t own_words(std::uint32_t weight) const {
    return weight_words(diagonals_[schedule_.weights[weight].diagonal].period());
  }

  /// A ciphertext and the weights that it meets.
  struct Factors {
    const ring::EvalPoly* halves[2];
    bool special;                                           ///< not 0 modulo P
    std::vector<std::pair<std::size_t, std::size_t>> uses;  ///< of a group: a weight
  };

  std::vector<Factors> factors_of(std::span<const Group> groups,
                                  const std::map<std::uint32_t, std::size_t>& position) const {
    std::map<std::tuple<bool, std::uint32_t, int>, std::size_t> index;
    std::vector<Factors> factors;
    for (std::size_t g = 0; g < groups.size(); ++g) {
      for (const auto& term : groups[g].terms) {
        const auto [entry, added] =
            index.try_emplace(std::tuple(groups[g].extended, term.input, term.baby), factors.size());
        if (added) {
          if (groups[g].extended) {
            const ExtendedCiphertext& baby = babies_[term.input].at(term.baby);
            factors.push_back({{&baby.body, &baby.mask}, term.baby != 0, {}});
          } else {
            const Ciphertext& input = *inputs_[term.input];
            factors.push_back({{input.parts.data(), &input.parts[1]}, false, {}});
          }
        }
        factors[entry->second].uses.emplace_back(g, position.at(term.weight));
      }
    }
    return factors;
  }

  void sum_limb(std::span<const Group> groups, std::span<const Factors> factors,
                std::span<const std::uint64_t* const> weights, std::size_t l) {
    struct Operands {
      std::vector<const std::uint64_t*> packed, weight;
    };
    constexpr std::size_t kEnds = 4 * ring::kPackedRun;
    std::vector<Operands> operands(groups.size());
    std::vector<std::array<const std::uint64_t*, 2>> limbs;
    for (const Factors& of : factors) {
      if (l <= level_ || of.special) limbs.push_back({of.halves[0]->limb(l), of.halves[1]->limb(l)});
    }
    const std::size_t n = context_.n(), stride = limbs.size() * kEnds;
    const std::size_t block = std::clamp<std::size_t>(kPackedWords / stride, 1, n / 2 / ring::kPackedRun);
    Words packed = packed_pool_.take();
    packed.resize(std::max(packed.size(), block * stride));
    std::size_t at = 0;
    for (const Factors& of : factors) {
      if (l > level_ && !of.special) continue;  // P times the input is 0 there
      for (const auto& [group, weight] : of.uses) {
        operands[group].packed.push_back(packed.data() + at);
        operands[group].weight.push_back(weights[weight]);
      }
      at += kEnds;
    }
    const ring::Modulus& q = context_.extended_basis(level_)->modulus(l);
    for (std::size_t first = 0; first < n / 2; first += block * ring::kPackedRun) {
      const std::size_t count = std::min(block * ring::kPackedRun, n / 2 - first);
      for (std::size_t f = 0; f < limbs.size(); ++f) {
        if (f + 1 < limbs.size()) prefetch_ends(limbs[f + 1], n, first, count);
        ring::kernels().pack_symmetric(packed.data() + f * kEnds, stride, limbs[f].data(), n, first, count);
      }
      for (std::size_t g = 0; g < groups.size(); ++g) {
        if (l > level_ && !groups[g].extended) continue;
        const Operands& of = operands[g];
        std::uint64_t* const out[] = {sums_[g].limb(groups[g].extended, 0, l), sums_[g].limb(groups[g].extended, 1, l)};
        ring::kernels().dot_symmetric(out, of.packed.data(), stride, of.weight.data(), of.weight.size(), log_run_, n,
                                      first, count, q);
      }
    }
    packed_pool_.give(std::move(packed));
  }

  /// output += rot_giant(sum); takes the sum where it is the first.
  void add_giant(Output& output, const Group& group, InnerSum& sum) {
    if (!group.extended) {
      if (group.giant != 0) {
        add(output.extended, evaluator_.rotate_extended(evaluator_.hoist(sum.plain), group.giant, keys_));
      } else {
        output.plain = std::exchange(sum.plain, {});  // there is one such group
      }
    } else if (group.giant == 0) {
      add(output.extended, std::exchange(sum.extended, {}));
    } else {
      if (!output.extended) output.extended = zero();
      evaluator_.add_rotated(*output.extended, sum.extended, group.giant, keys_);
    }
  }

  void add(std::optional<ExtendedCiphertext>& total, ExtendedCiphertext sum) {
    if (!total) {
      total = std::move(sum);
      total->scale = scale_;
    } else {
      evaluator_.add_inplace(*total, sum);
    }
  }

  ExtendedCiphertext zero() const {
    const ring::BasisPtr& basis = context_.extended_basis(level_);
    return {ring::EvalPoly(basis), ring::EvalPoly(basis), scale_, level_};
  }

  Ciphertext finish(Output& output) {
    if (schedule_.rounds.empty() && !output.extended) return std::move(*output.plain);
    if (output.plain) add(output.extended, evaluator_.extend(*output.plain));
    ExtendedCiphertext total = std::move(*output.extended);
    for (const auto& round : schedule_.rounds) {
      const auto digits = evaluator_.hoist(total);
      ExtendedCiphertext next = total;
      for (const int fold : round) {
        if (fold == 0) {
          evaluator_.add_inplace(next, total);
        } else {
          evaluator_.add_rotated(next, total, digits, fold, keys_);
        }
      }
      total = std::move(next);
    }
    return evaluator_.mod_down(total);
  }

  const Encoder& encoder_;
  const Context& context_;
  const MapSchedule& schedule_;
  std::span<const Diagonal> diagonals_;
  std::span<const double> weight_scale_;
  unsigned level_;
  const CachedWeights* cached_;
  const Evaluator& evaluator_;
  std::span<const Ciphertext* const> inputs_;
  const EvaluationKeys& keys_;
  double scale_;
  std::size_t words_;  // of a weight in a limb; each stands for 2^log_run_
  unsigned log_run_;
  std::vector<std::map<int, ExtendedCiphertext>> babies_;
  std::vector<InnerSum> sums_;
  ScratchPool weight_pool_, packed_pool_;
};

}  // namespace

LinearMap::LinearMap(const Encoder& encoder, LinearMapPlan plan, std::span<const Diagonal> diagonals,
                     std::vector<double> weight_scale, unsigned level, bool cache)
    : encoder_(&encoder),
      plan_(std::move(plan)),
      diagonals_(diagonals),
      weight_scale_(std::move(weight_scale)),
      level_(level) {
  const Context& context = *encoder.context();
  if (level > context.max_level()) throw InvalidArgument("level " + std::to_string(level) + " is above the highest");
  if (weight_scale_.size() != plan_.inputs) {
    throw InvalidArgument(std::to_string(weight_scale_.size()) + " weight scales for " + std::to_string(plan_.inputs) +
                          " inputs");
  }
  auto made = std::make_shared<Encoded>(
      Encoded{MapSchedule(plan_, diagonals, static_cast<std::uint32_t>(context.slots())), std::nullopt});
  if (cache) made->weights.emplace(encoder, made->schedule, diagonals, weight_scale_, level);
  encoded_ = std::move(made);
}

std::size_t LinearMap::encoded_bytes(const Context& context, const LinearMapPlan& plan,
                                     std::span<const Diagonal> diagonals, unsigned level) {
  const MapSchedule schedule(plan, diagonals, static_cast<std::uint32_t>(context.slots()));
  std::size_t words = 0;
  for (std::size_t w = 0; w < schedule.weights.size(); ++w) {
    const std::size_t limbs = schedule.weight_special[w] ? context.extended_basis(level)->size() : level + 1;
    words += limbs * weight_words(diagonals[schedule.weights[w].diagonal].period());
  }
  return words * sizeof(std::uint64_t);
}

std::vector<Ciphertext> LinearMap::apply(const Evaluator& evaluator, std::span<const Ciphertext* const> inputs,
                                         const EvaluationKeys& keys) const {
  if (inputs.size() != plan_.inputs) {
    throw InvalidArgument(std::to_string(inputs.size()) + " ciphertexts for a linear map of " +
                          std::to_string(plan_.inputs));
  }
  const double scale = inputs[0]->scale * weight_scale_[0];
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (inputs[i]->parts.size() != 2) {
      throw InvalidArgument("a ciphertext of " + std::to_string(inputs[i]->parts.size()) +
                            " parts for a linear map: relinearise first");
    }
    if (inputs[i]->level() != level_) {
      throw InvalidArgument("a ciphertext of level " + std::to_string(inputs[i]->level()) +
                            " for a linear map of level " + std::to_string(level_));
    }
    if (std::abs(inputs[i]->scale * weight_scale_[i] - scale) > kScaleTolerance * scale) {
      throw InvalidArgument("scales 2^" + std::to_string(std::log2(inputs[i]->scale * weight_scale_[i])) + " and 2^" +
                            std::to_string(std::log2(scale)) + " of a linear map's products don't match");
    }
  }
  const CachedWeights* cached = encoded_->weights ? &*encoded_->weights : nullptr;
  return Application(*encoder_, encoded_->schedule, diagonals_, weight_scale_, level_, cached, evaluator, inputs, keys)
      .run(plan_.outputs);
}

}  // namespace blindsight::ckks
