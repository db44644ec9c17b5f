// The work of linear maps and of whole programs: what LinearMap and Executor do, step by step.
#include <algorithm>
#include <bit>
#include <limits>
#include <map>
#include <set>
#include <span>

#include "blindsight/ckks/map_schedule.h"
#include "blindsight/ckks/map_weights.h"
#include "blindsight/ckks/sampling.h"
#include "blindsight/compiler/work.h"

namespace blindsight::compiler {

namespace {

using Group = ckks::MapSchedule::Group;

double real(std::size_t x) { return static_cast<double>(x); }

Phase loop(Work work, std::size_t tasks) { return {work, tasks}; }

void append(Phases& phases, const Phases& more) { phases.insert(phases.end(), more.begin(), more.end()); }

class MapWork {
 public:
  MapWork(const LevelWork& at, const ckks::MapSchedule& schedule, bool cached)
      : at_(at),
        schedule_(schedule),
        cached_(cached),
        at_hand_(schedule.weights_at_hand(cached)),
        paired_(schedule.paired != 0) {}

  Phases run(std::size_t inputs) {
    for (std::size_t i = 0; paired_ && i < inputs; ++i) {
      append(phases_, at_.rotate());
      phases_.push_back(loop({.passes = real(4 * at_.limbs() * at_.n())}, 2 * at_.limbs()));
    }
    sums();
    for (std::size_t g = 0; g < schedule_.groups.size(); ++g) {
      add(schedule_.groups[g]);
      if (g + 1 == schedule_.groups.size() || schedule_.groups[g + 1].output != schedule_.groups[g].output) finish();
    }
    return std::move(phases_);
  }

 private:
  /// Weights encoded now: their transforms. A pair of diagonals takes one, and so do two real weights of one size,
  /// modulo P both or neither.
  Work encode(const std::set<std::uint32_t>& weights) {
    std::map<std::pair<std::size_t, bool>, std::size_t> kinds;
    for (const std::uint32_t w : weights) ++kinds[{schedule_.weight_words[w], schedule_.weight_special[w] != 0}];
    Work fourier, transforms;
    for (const auto& [kind, count] : kinds) {
      const auto& [words, special] = kind;
      const std::size_t made = paired_ ? count : (count + 1) / 2, apart = paired_ ? 0 : count / 2;
      const std::size_t limbs = special ? at_.extended() : at_.limbs(), size = paired_ ? words : 2 * words;
      fourier.embeddings += real(made) * butterflies(size / 2);
      transforms.butterflies += real(made * limbs) * butterflies(size);
      transforms.passes += real(apart * limbs * size);  // two taken apart
    }
    phases_.push_back(loop(fourier, paired_ ? weights.size() : (weights.size() + 1) / 2));
    return transforms;
  }

  /// Baby steps, weights and products: one loop over the limbs, or over windows of them.
  void sums() {
    std::map<std::uint32_t, bool> inputs;  // of extended sums, and whether they are rotated
    bool extended = false;
    Work work;
    const std::size_t special = at_.extended() - at_.limbs();
    for (const auto batch : schedule_.batches(at_hand_)) {
      for (const auto& tile : schedule_.tiles(batch)) {
        const std::size_t count = tile.groups.size();
        extended |= tile.groups[0].extended;
        std::size_t limbs = 0;  // of all its factors
        for (const std::uint32_t f : tile.factors)
          limbs += at_.limbs() + (schedule_.factors[f].rotated() ? special : 0);
        work.weight_products += real(2 * count * limbs * at_.n());
        // From memory even where they were written a moment ago.
        work.weight_words += real(count * limbs * schedule_.most_words);
        work.sums += real(2 * count * (tile.groups[0].extended ? at_.extended() : at_.limbs()) * at_.n());
      }
    }
    for (const auto& factor : schedule_.factors) {
      const bool laid_out = paired_ && factor.rotated();  // by the automorphism
      if (!laid_out) work.packed += real(2 * (at_.limbs() + (factor.rotated() ? special : 0)) * at_.n());
      if (!factor.extended) continue;
      inputs[factor.input] |= factor.rotated();
      work += factor.rotated() ? total(at_.baby()) : Work{.passes = real(at_.limbs() * at_.n())};
    }
    for (const auto& [input, rotated] : inputs) {
      phases_.push_back(loop({.passes = real(at_.limbs() * at_.n())}, at_.limbs()));  // P times the body
      if (rotated) append(phases_, at_.decompose());
    }
    const std::size_t limbs = extended ? at_.extended() : at_.limbs();
    const std::size_t windows = at_hand_ && paired_ ? std::max<std::size_t>(at_.n() / ckks::kUniformBlock, 1) : 1;
    if (at_hand_ && !cached_) {  // two loops for every limb
      phases_.push_back(loop(encode_all(), schedule_.weights.size()));
      phases_.push_back(loop(work, windows));
    } else {
      if (!cached_) work += encode_all();
      phases_.push_back(loop(work, windows * limbs));
    }
  }

  /// Weights of several groups are written at a time, one that they share once.
  Work encode_all() {
    Work work;
    for (const auto batch : schedule_.batches(at_hand_)) {
      std::set<std::uint32_t> weights;
      for (const Group& group : batch) {
        for (const auto& term : group.terms) weights.insert(term.weight);
      }
      work += encode(weights);
    }
    return work;
  }

  /// The total so far is rotated, then the group's sum added.
  void add(const Group& group) {
    if (has_ != Total::kNothing) {
      if (!group.extended) append(phases_, at_.extend());
      rotate();
    } else {
      has_ = group.extended ? Total::kExtended : Total::kPlain;
    }
    step_ = group.step;
  }

  /// Rotated and added to another.
  void rotate() {
    if (has_ == Total::kPlain) {
      append(phases_, at_.decompose());
      append(phases_, at_.rotate_hoisted());
      append(phases_, at_.add_extended());
    } else {
      append(phases_, at_.add_rotated());
    }
    has_ = Total::kExtended;
  }

  void finish() {
    if (step_ != 0 && has_ == Total::kPlain) {
      append(phases_, at_.decompose());
      append(phases_, at_.rotate_hoisted());
      has_ = Total::kExtended;
    } else if (step_ != 0) {
      rotate();
    }
    if (has_ == Total::kExtended || !schedule_.rounds.empty() || paired_) {
      if (has_ == Total::kPlain) append(phases_, at_.extend());
      for (const auto& round : schedule_.rounds) {
        append(phases_, at_.mod_down(1));
        append(phases_, at_.decompose());
        for (const int fold : round) append(phases_, fold == 0 ? at_.add_extended() : at_.add_rotated_hoisted());
      }
      if (paired_) append(phases_, at_.add_rotated());
      append(phases_, at_.mod_down(2));
    }
    has_ = Total::kNothing;
  }

  const LevelWork& at_;
  const ckks::MapSchedule& schedule_;
  bool cached_, at_hand_, paired_;
  Phases phases_;
  enum class Total { kNothing, kPlain, kExtended };
  Total has_ = Total::kNothing;  // the present output
  int step_ = 0;                 // by which that is yet to be rotated
};

}  // namespace

std::vector<Phases> work_of(const Program& program, const ckks::Context& context, const MemoryPlan& memory) {
  std::vector<Phases> all;
  for (std::size_t i = 0; i < program.ops.size(); ++i) {
    const Op& op = program.ops[i];
    const ckks::ContextPtr ring = context.in_ring(op.ring);
    const LevelWork at(ring->n(), op.level, static_cast<unsigned>(ring->special_limbs(op.level)), memory.key_form);
    Phases phases;
    switch (op.kind) {
      case OpKind::kLinearMap: {
        const Map& map = program.maps[op.operand];
        const ckks::MapSchedule schedule(map.plan, map.diagonals, static_cast<std::uint32_t>(ring->slots()));
        phases = MapWork(at, schedule, memory.kept[i]).run(map.plan.inputs);
        break;
      }
      case OpKind::kSquare:
        phases = at.square();
        append(phases, at.relinearise());
        break;
      case OpKind::kRescale:
        phases = LevelWork(ring->n(), op.level + 1, 1, memory.key_form).rescale();
        break;
      case OpKind::kAddVector:
        if (!memory.kept[i]) phases = at.encode(ring->slots());
        append(phases, at.add_vector());
        break;
      case OpKind::kSwitchRing:
        phases = at.switch_ring();
        break;
      case OpKind::kDropLevel:
        break;
    }
    all.push_back(std::move(phases));
  }
  return all;
}

}  // namespace blindsight::compiler
