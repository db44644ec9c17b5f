#include "blindsight/ckks/linear_map.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <map>
#include <mutex>
#include <numeric>
#include <optional>
#include <string>
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

/// Groups whose inner sums are made together: a limb of the baby steps is read once for all of them.
constexpr std::size_t kGroupsTogether = 4;
/// Words of either end of a limb that the groups take in turn: the baby steps' stay in the cache of a core meanwhile.
constexpr std::size_t kBlock = 1024;

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
    for (std::size_t first = 0; first < schedule_.groups.size(); first += kGroupsTogether) {
      const auto groups =
          std::span(schedule_.groups).subspan(first).first(std::min(kGroupsTogether, schedule_.groups.size() - first));
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
    parallel_for(extended ? basis.size() : level_ + 1, [&](std::size_t l) {
      Words scratch = pool_.take();
      const auto weights = weights_of_limb(ids, coefficients, scratch, basis.tables(l), l);
      sum_limb(groups, position, weights, l);
      pool_.give(std::move(scratch));
    });
  }

  /// One limb of each weight, words_ words each: from the cache where it has them so, else in `scratch`.
  std::vector<const std::uint64_t*> weights_of_limb(std::span<const std::uint32_t> ids,
                                                    const std::optional<WeightCoefficients>& coefficients,
                                                    Words& scratch, const ring::NttTables& tables, std::size_t l) {
    scratch.resize(std::max(scratch.size(), ids.size() * words_));
    std::vector<const std::uint64_t*> weights(ids.size(), nullptr);
    std::vector<std::uint64_t*> out(ids.size(), nullptr);
    for (std::size_t i = 0; i < ids.size(); ++i) {
      if (l > level_ && !schedule_.weight_special[ids[i]]) continue;
      const std::size_t own = own_words(ids[i]);
      // A shorter period at the end of its room, from where it is repeated without being overtaken.
      if (cached_ == nullptr) out[i] = scratch.data() + (i + 1) * words_ - own;
      weights[i] = cached_ == nullptr ? out[i] : cached_->words(ids[i], l);
    }
    if (coefficients) coefficients->transform(out, tables);
    for (std::size_t i = 0; i < ids.size(); ++i) {
      const std::size_t own = own_words(ids[i]);
      if (weights[i] == nullptr || own == words_) continue;
      std::uint64_t* const repeated = scratch.data() + i * words_;
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

  void sum_limb(std::span<const Group> groups, const std::map<std::uint32_t, std::size_t>& position,
                std::span<const std::uint64_t* const> weights, std::size_t l) {
    struct Operands {
      std::vector<const std::uint64_t*> body, mask, weight;
      std::uint64_t* out[2];
    };
    std::vector<Operands> operands;
    for (std::size_t g = 0; g < groups.size(); ++g) {
      const Group& group = groups[g];
      if (l > level_ && !group.extended) continue;
      Operands& of = operands.emplace_back();
      for (int half : {0, 1}) of.out[half] = sums_[g].limb(group.extended, half, l);
      for (const auto& term : group.terms) {
        if (l > level_ && term.baby == 0) continue;  // P times the input is 0 there
        const ExtendedCiphertext* baby = group.extended ? &babies_[term.input].at(term.baby) : nullptr;
        of.body.push_back((baby != nullptr ? baby->body : inputs_[term.input]->parts[0]).limb(l));
        of.mask.push_back((baby != nullptr ? baby->mask : inputs_[term.input]->parts[1]).limb(l));
        of.weight.push_back(weights[position.at(term.weight)]);
      }
    }
    const ring::Modulus& q = context_.extended_basis(level_)->modulus(l);
    const std::size_t n = context_.n();
    for (std::size_t first = 0; first < n / 2; first += kBlock) {
      for (const Operands& of : operands) {
        const std::uint64_t* const* const halves[] = {of.body.data(), of.mask.data()};
        ring::kernels().dot_symmetric(of.out, halves, of.weight.data(), of.weight.size(), log_run_, n, first,
                                      std::min(kBlock, n / 2 - first), q);
      }
    }
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
      evaluator_.add_rotated(*output.extended, sum.extended, evaluator_.hoist(sum.extended), group.giant, keys_);
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
  ScratchPool pool_;
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
