#include "blindsight/ckks/linear_map.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <limits>
#include <map>
#include <mutex>
#include <numeric>
#include <optional>
#include <set>
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
using Factor = MapSchedule::Factor;

/// Words of packed baby steps that the groups take in turn: they stay in the L2 cache of a core meanwhile.
constexpr std::size_t kPackedWords = std::size_t{3} << 14;
/// Words of inner sums that a last-level cache won't keep until they are rotated.
constexpr std::size_t kFarWords = std::size_t{2} << 20;
/// Words between the factors of a limb and between its weights: a power of two apart, they would share few sets of a
/// cache.
constexpr std::size_t kGap = 72;

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
        inputs_(inputs.begin(), inputs.end()),
        keys_(keys),
        scale_(inputs[0]->scale * weight_scale[0]),
        paired_(schedule.paired != 0),
        words_(schedule.most_words),
        at_hand_(schedule.weights_at_hand(cached != nullptr)),
        log_run_(static_cast<unsigned>(std::countr_zero((paired_ ? context_.n() : context_.slots()) / words_))) {
    if (!paired_) return;
    zeros_.assign(words_, 0);
    complex_inputs_.reserve(inputs_.size());
    for (const Ciphertext*& input : inputs_) {
      input = &complex_inputs_.emplace_back(evaluator.with_rotation(*input, schedule.paired, keys));
    }
  }

  std::vector<Ciphertext> run(std::uint32_t outputs) {
    make_sums();
    std::vector<Output> results(outputs);
    for (std::size_t g = 0; g < schedule_.groups.size(); ++g) {
      const Group& group = schedule_.groups[g];
      add_group(results[group.output], group, sums_[g]);
      sums_[g] = {};
    }
    std::vector<Ciphertext> ciphertexts;
    for (Output& output : results) ciphertexts.push_back(finish(output));
    return ciphertexts;
  }

 private:
  struct Output {
    std::optional<ExtendedCiphertext> extended;
    std::optional<Ciphertext> plain;
    int step = 0;  ///< by which it is yet to be rotated
  };

  /// Of a group's inner sum.
  void prepare(InnerSum& sum, bool extended) const {
    const ring::BasisPtr& basis = extended ? context_.extended_basis(level_) : context_.basis(level_);
    ring::EvalPoly body = ring::EvalPoly::uninitialised(basis), mask = ring::EvalPoly::uninitialised(basis);
    if (extended) {
      sum.extended = {std::move(body), std::move(mask), scale_, level_};
    } else {
      sum.plain.parts.push_back(std::move(body));
      sum.plain.parts.push_back(std::move(mask));
      sum.plain.scale = scale_;
    }
  }

  /// A tile of the schedule, and what its groups multiply its factors with, group after group: places among the weights
  /// of their batch, kNone for zero.
  struct Tile {
    MapSchedule::Tile of;
    std::vector<std::size_t> weights;
  };
  static constexpr std::size_t kNone = std::numeric_limits<std::size_t>::max();

  /// Groups whose weights are at hand at the same time.
  struct Batch {
    std::vector<std::uint32_t> ids;  ///< distinct weights
    std::vector<Tile> tiles;
    std::optional<WeightCoefficients> coefficients;
  };

  /// Words [first, first + count) of limb l.
  struct Window {
    std::size_t l, first, count;
  };

  /// All inner sums, window by window: the baby steps of one are used up while they are in a cache. Where the weights
  /// of a limb aren't at hand at the same time, that is a limb.
  void make_sums() {
    bool extended = false;
    sums_.resize(schedule_.groups.size());
    for (std::size_t g = 0; g < sums_.size(); ++g) {
      prepare(sums_[g], schedule_.groups[g].extended);
      extended |= schedule_.groups[g].extended;
    }
    past_caches_ = 2 * sums_.size() * context_.extended_basis(level_)->size() * context_.n() > kFarWords;
    hoisted_.resize(inputs_.size());
    bodies_.resize(inputs_.size());
    for (const Factor& factor : schedule_.factors) {
      keys_of_factors_.push_back(factor.rotated() ? &evaluator_.rotation_key(keys_, factor.baby, level_) : nullptr);
      if (factor.extended && bodies_[factor.input].empty())
        bodies_[factor.input] = body_times_p(*inputs_[factor.input]);
      Hoisted& hoisted = hoisted_[factor.input];
      if (factor.rotated() && hoisted.source == nullptr) hoisted = evaluator_.hoist(*inputs_[factor.input]);
    }
    for (const auto groups : schedule_.batches(at_hand_)) {
      Batch& batch = batches_.emplace_back();
      std::map<std::uint32_t, std::size_t> position;
      for (const Group& group : groups) {
        for (const auto& term : group.terms) {
          if (position.try_emplace(term.weight, batch.ids.size()).second) batch.ids.push_back(term.weight);
        }
      }
      for (MapSchedule::Tile& tile : schedule_.tiles(groups)) {
        std::vector<std::size_t> weights(tile.groups.size() * tile.factors.size(), kNone);
        auto row = weights.begin();
        for (const Group& group : tile.groups) {
          for (const auto& term : group.terms) {
            auto at = std::lower_bound(tile.factors.begin(), tile.factors.end(), term.factor) - tile.factors.begin();
            while (row[at] != kNone) ++at;
            row[at] = position.at(term.weight);
          }
          row += static_cast<std::ptrdiff_t>(tile.factors.size());
        }
        batch.tiles.push_back({std::move(tile), std::move(weights)});
      }
      if (cached_ == nullptr) {
        batch.coefficients.emplace(encoder_, schedule_, diagonals_, weight_scale_, level_, batch.ids);
      }
    }
    const std::size_t limbs = extended ? context_.extended_basis(level_)->size() : level_ + 1, n = context_.n();
    const std::size_t count = at_hand_ && paired_ ? std::min(n, kUniformBlock) : n, windows = n / count;
    if (at_hand_ && cached_ == nullptr) {
      for (std::size_t l = 0; l < limbs; ++l) {
        encode_limb(l);
        parallel_for(windows, [&](std::size_t w) { sum_up({l, w * count, count}); });
      }
    } else {
      parallel_for(limbs * windows, [&](std::size_t task) { sum_up({task / windows, task % windows * count, count}); });
    }
    hoisted_.clear();
    bodies_.clear();
    batches_.clear();
    limb_words_ = {};
  }

  ring::EvalPoly body_times_p(const Ciphertext& input) const {
    ring::EvalPoly body = ring::EvalPoly::uninitialised(context_.basis(level_));
    parallel_for(level_ + 1, [&](std::size_t l) {
      evaluator_.times_p(body.limb(l), input.parts[0].limb(l), level_, l, context_.n());
    });
    return body;
  }

  /// What a window multiplies with, the same number of words of each weight of the batch; null where there is none.
  std::vector<const std::uint64_t*> weights_of(const Window& window, const Batch& batch, Words& scratch) const {
    return at_hand_ ? weights_at_hand(window, batch, scratch) : encoded_weights(window.l, batch, scratch);
  }

  /// All weights' words of a limb, for its windows.
  void encode_limb(std::size_t l) {
    const Batch& batch = batches_.at(0);
    std::size_t size = 0;
    for (const std::uint32_t id : batch.ids) size += schedule_.weight_words[id] + kGap;
    limb_words_.resize(size);
    limb_weights_.assign(schedule_.weights.size(), nullptr);
    std::vector<std::uint64_t*> out(batch.ids.size(), nullptr);
    std::uint64_t* room = limb_words_.data();
    for (std::size_t i = 0; i < out.size(); ++i) {
      const std::uint32_t id = batch.ids[i];
      if (has_weight(id, l)) limb_weights_[id] = out[i] = room;
      room += schedule_.weight_words[id] + kGap;
    }
    const ring::NttTables& tables = context_.extended_basis(level_)->tables(l);
    parallel_for(batch.coefficients->transforms(),
                 [&](std::size_t i) { batch.coefficients->transform(i, out, tables); });
  }

  bool has_weight(std::uint32_t id, std::size_t l) const { return l <= level_ || schedule_.weight_special[id]; }
  std::size_t repeats(std::uint32_t id) const { return words_ / schedule_.weight_words[id]; }

  /// Words [first, first + count) of those of a shorter period, each `repeats` times, a power of two that does not cut
  /// across `first` unless it is larger than `count`.
  static void repeat(std::uint64_t* out, const std::uint64_t* words, std::size_t repeats, std::size_t first,
                     std::size_t count) {
    const unsigned log = static_cast<unsigned>(std::countr_zero(repeats));
    words += first >> log;
    if (repeats >= count) {
      std::fill_n(out, count, *words);
    } else if (repeats == 2) {
      for (std::size_t w = 0; w < count / 2; ++w) out[2 * w] = out[2 * w + 1] = words[w];
    } else {
      for (std::size_t w = 0; w < count >> log; ++w) std::fill_n(out + (w << log), repeats, words[w]);
    }
  }

  const std::uint64_t* limb_of(std::uint32_t weight, std::size_t l) const {
    return cached_ != nullptr ? cached_->words(weight, l) : limb_weights_[weight];
  }

  /// Where they are, or repeated in `scratch`.
  std::vector<const std::uint64_t*> weights_at_hand(const Window& window, const Batch& batch, Words& scratch) const {
    const std::vector<std::uint32_t>& ids = batch.ids;
    const std::size_t first = window.first >> log_run_;
    // Weights that mirror themselves have words for half of a limb.
    const std::size_t count = std::max<std::size_t>((paired_ ? window.count : window.count / 2) >> log_run_, 1);
    const auto rooms = std::count_if(ids.begin(), ids.end(), [&](std::uint32_t id) { return repeats(id) > 1; });
    scratch.resize(std::max(scratch.size(), static_cast<std::size_t>(rooms) * (count + kGap)));
    std::uint64_t* room = scratch.data();
    std::vector<const std::uint64_t*> weights(ids.size(), nullptr);
    for (std::size_t i = 0; i < ids.size(); ++i) {
      if (!has_weight(ids[i], window.l)) continue;
      const std::uint64_t* const words = limb_of(ids[i], window.l);
      if (repeats(ids[i]) == 1) {
        weights[i] = words + first;
        continue;
      }
      if (i + 1 < ids.size() && has_weight(ids[i + 1], window.l)) {
        const std::size_t times = repeats(ids[i + 1]);
        ring::prefetch<ring::Cache::kL2>(limb_of(ids[i + 1], window.l) + first / times,
                                         count / times * sizeof(std::uint64_t));
      }
      repeat(room, words, repeats(ids[i]), first, count);
      weights[i] = std::exchange(room, room + count + kGap);
    }
    return weights;
  }

  /// Of a limb, encoded in `scratch`.
  std::vector<const std::uint64_t*> encoded_weights(std::size_t l, const Batch& batch, Words& scratch) const {
    const std::vector<std::uint32_t>& ids = batch.ids;
    const std::size_t stride = words_ + kGap;
    scratch.resize(std::max(scratch.size(), ids.size() * stride));
    // A shorter period at the end of its room, from where it is repeated without being overtaken.
    std::vector<std::uint64_t*> out(ids.size(), nullptr);
    for (std::size_t i = 0; i < ids.size(); ++i) {
      if (has_weight(ids[i], l)) out[i] = scratch.data() + (i + 1) * stride - kGap - schedule_.weight_words[ids[i]];
    }
    for (std::size_t i = 0; i < batch.coefficients->transforms(); ++i)
      batch.coefficients->transform(i, out, context_.extended_basis(level_)->tables(l));
    std::vector<const std::uint64_t*> weights(ids.size(), nullptr);
    for (std::size_t i = 0; i < ids.size(); ++i) {
      if (out[i] == nullptr) continue;
      std::uint64_t* const room = scratch.data() + i * stride;
      if (out[i] != room) repeat(room, out[i], repeats(ids[i]), 0, words_);
      weights[i] = room;
    }
    return weights;
  }

  /// Words of a run of a factor: of both halves, and of their mirror images where weights mirror themselves.
  std::size_t run_words() const { return (paired_ ? 2 : 4) * ring::kPackedRun; }

  /// What a window has of the factors, laid out for the products; `place` says where, in words.
  void lay_out(const Window& window, std::span<const std::size_t> place, Words& packed, Words& scratch) {
    const auto [l, first, count] = window;
    scratch.resize(std::max(scratch.size(), 4 * count));
    std::uint64_t* const halves[] = {scratch.data(), scratch.data() + count};
    std::uint64_t* const sums = scratch.data() + 2 * count;
    for (std::size_t f = 0; f < schedule_.factors.size(); ++f) {
      const Factor& factor = schedule_.factors[f];
      if (!present(factor, l)) continue;
      const Ciphertext& input = *inputs_[factor.input];
      const std::uint64_t* source[] = {halves[0], halves[1]};
      if (factor.rotated()) {
        std::uint64_t* const in_place[] = {packed.data() + place[f], packed.data() + place[f] + ring::kPackedRun};
        const std::uint64_t* const body = l <= level_ ? bodies_[factor.input].limb(l) : nullptr;
        evaluator_.rotate_extended_limb(paired_ ? in_place : halves, paired_ ? run_words() : ring::kPackedRun,
                                        hoisted_[factor.input], factor.baby, *keys_of_factors_[f], l, first, count,
                                        body, sums);
        if (paired_) continue;
      } else if (factor.extended) {
        source[0] = bodies_[factor.input].limb(l) + first;
        evaluator_.times_p(halves[1], input.parts[1].limb(l) + first, level_, l, count);
      } else {
        for (std::size_t h = 0; h < 2; ++h) source[h] = input.parts[h].limb(l) + first;
      }
      if (paired_) {
        ring::kernels().pack_halves(packed.data() + place[f], run_words(), source, 0, count);
      } else {
        ring::kernels().pack_symmetric(packed.data() + place[f], run_words(), source, count, 0, count / 2);
      }
    }
  }

  /// P times an input is 0 modulo P.
  bool present(const Factor& factor, std::size_t l) const { return l <= level_ || factor.rotated(); }

  void sum_up(const Window& window) {
    std::vector<std::size_t> place(schedule_.factors.size());
    std::size_t size = 0;
    for (std::size_t f = 0; f < schedule_.factors.size(); ++f) {
      place[f] = size;
      if (present(schedule_.factors[f], window.l)) size += 2 * window.count + kGap;
    }
    Words packed = packed_pool_.take(), scratch = scratch_pool_.take();
    packed.resize(std::max(packed.size(), size));
    lay_out(window, place, packed, scratch);
    for (const Batch& batch : batches_) {
      const auto weights = weights_of(window, batch, scratch);
      multiply(window, batch, place, packed.data(), weights);
    }
    packed_pool_.give(std::move(packed));
    scratch_pool_.give(std::move(scratch));
  }

  /// A window of a batch's sums.
  void multiply(const Window& window, const Batch& batch, std::span<const std::size_t> place,
                const std::uint64_t* packed, std::span<const std::uint64_t* const> weights) {
    struct Operands {
      std::vector<const std::uint64_t*> packed, weight;
      std::vector<std::uint64_t*> out;
    };
    const std::size_t l = window.l;
    std::vector<Operands> operands;
    for (const Tile& tile : batch.tiles) {
      const std::vector<std::uint32_t>& factors = tile.of.factors;
      const bool extended = tile.of.groups[0].extended;
      if (l > level_ && !extended) continue;
      Operands& of = operands.emplace_back();
      for (const Group& group : tile.of.groups) {
        InnerSum& sum = sums_[static_cast<std::size_t>(&group - schedule_.groups.data())];
        for (const int half : {0, 1}) of.out.push_back(sum.limb(extended, half, l) + window.first);
      }
      for (std::size_t i = 0; i < tile.weights.size(); ++i) {
        const std::uint32_t factor = factors[i % factors.size()];
        if (!present(schedule_.factors[factor], l)) continue;
        of.weight.push_back(tile.weights[i] == kNone ? zeros_.data() : weights[tile.weights[i]]);
        if (i < factors.size()) of.packed.push_back(packed + place[factor]);
      }
    }
    const std::size_t step = run_words(), all_runs = 2 * window.count / step;
    const std::size_t block = std::clamp<std::size_t>(kPackedWords / (schedule_.factors.size() * step), 1, all_runs);
    const ring::Modulus& q = context_.extended_basis(level_)->modulus(l);
    for (std::size_t run = 0; run < all_runs; run += block) {
      const std::size_t runs = std::min(block, all_runs - run);
      const std::size_t first = run * ring::kPackedRun, count = runs * ring::kPackedRun;
      for (std::size_t i = 0; i < operands.size(); ++i) {
        Operands& of = operands[i];
        if (paired_) {
          ring::kernels().dot_halves(of.out.data(), of.out.size() / 2, of.packed.data(), step, of.weight.data(),
                                     of.packed.size(), log_run_, first, count, q, past_caches_);
        } else {
          ring::kernels().dot_symmetric(of.out.data(), of.packed.data(), step, of.weight.data(), of.packed.size(),
                                        log_run_, context_.n(), first, count, q);
        }
        for (const std::uint64_t*& at : of.packed) at += runs * step;
        // A share of what the next block reads.
        const std::size_t next = run + runs, ahead = std::min(block, all_runs - next) * step;
        for (std::size_t f = i; f < schedule_.factors.size(); f += operands.size()) {
          if (present(schedule_.factors[f], l))
            ring::prefetch<ring::Cache::kL2>(packed + place[f] + next * step, ahead * sizeof(std::uint64_t));
        }
      }
    }
  }

  /// output = rot(output) + sum, rotated by the step of the group before.
  void add_group(Output& output, const Group& group, InnerSum& sum) {
    if (output.extended) {
      if (!group.extended) sum.extended = evaluator_.extend(sum.plain);
      evaluator_.add_rotated(sum.extended, *output.extended, output.step, keys_);
      std::swap(*output.extended, sum.extended);
    } else if (output.plain) {
      output.extended = evaluator_.rotate_extended(evaluator_.hoist(*output.plain), output.step, keys_);
      output.plain.reset();
      evaluator_.add_inplace(*output.extended, group.extended ? sum.extended : evaluator_.extend(sum.plain));
    } else if (group.extended) {
      output.extended = std::exchange(sum.extended, {});
    } else {
      output.plain = std::exchange(sum.plain, {});
    }
    output.step = group.step;
  }

  ExtendedCiphertext zero() const {
    const ring::BasisPtr& basis = context_.extended_basis(level_);
    return {ring::EvalPoly(basis), ring::EvalPoly(basis), scale_, level_};
  }

  Ciphertext finish(Output& output) {
    if (output.step != 0 && output.plain) {
      output.extended = evaluator_.rotate_extended(evaluator_.hoist(*output.plain), output.step, keys_);
    } else if (output.step != 0) {
      ExtendedCiphertext rotated = zero();
      evaluator_.add_rotated(rotated, *output.extended, output.step, keys_);
      output.extended = std::move(rotated);
    } else if (output.plain) {
      if (schedule_.rounds.empty() && !paired_) return std::move(*output.plain);
      output.extended = evaluator_.extend(*output.plain);
    }
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
    if (paired_) evaluator_.add_conjugate(total, keys_);
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
  std::vector<const Ciphertext*> inputs_;
  std::vector<Ciphertext> complex_inputs_;  // where diagonals go in pairs: what inputs_ then points to
  const EvaluationKeys& keys_;
  double scale_;
  bool paired_;
  std::size_t words_;         // of a weight in a limb; each stands for 2^log_run_
  bool at_hand_;              // all weights of a limb, cached or made just before
  bool past_caches_ = false;  // where the sums go
  unsigned log_run_;
  std::vector<const KeySwitchKey*> keys_of_factors_;  // null where nothing is rotated
  std::vector<Hoisted> hoisted_;                      // by input
  std::vector<ring::EvalPoly> bodies_;                // by input: P times the first part
  std::vector<Batch> batches_;
  Words limb_words_;                                // all weights of a limb, where they are not cached
  std::vector<const std::uint64_t*> limb_weights_;  // in there, by weight
  std::vector<InnerSum> sums_;                      // by group
  Words zeros_;                                     // a weight that isn't there
  ScratchPool scratch_pool_, packed_pool_;
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
    words += limbs * schedule.weight_words[w];
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
