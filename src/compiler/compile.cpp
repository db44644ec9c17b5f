#include "blindsight/compiler/compile.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdio>
#include <map>
#include <optional>
#include <utility>

#include "blindsight/base/error.h"
#include "blindsight/base/parallel.h"
#include "blindsight/ckks/serialise.h"
#include "blindsight/compiler/calibrate.h"
#include "blindsight/compiler/cost.h"
#include "blindsight/compiler/digits.h"
#include "blindsight/compiler/floor.h"
#include "blindsight/compiler/grid.h"
#include "blindsight/compiler/lowering.h"
#include "blindsight/compiler/memory.h"
#include "blindsight/compiler/parameter_search.h"
#include "blindsight/nn/views.h"

namespace blindsight::compiler {

namespace {

constexpr std::size_t kRandomInputs = 24;
/// Rings from this size on hold too many weights to count on their being encoded beforehand.
constexpr unsigned kEncodeOnTheFly = 15;
/// Rings up to this size are not left for smaller ones: the search would take longer than it saves.
constexpr unsigned kLeastRingToShrink = 13;

std::string decimal(double x) {
  char text[32];
  std::snprintf(text, sizeof text, "%.3g", x);
  return text;
}

/// Rows in order, columns ascending and within the matrix.
bool well_formed(const nn::SparseMatrix& m) {
  if (m.row_begin.front() != 0 || !std::is_sorted(m.row_begin.begin(), m.row_begin.end())) return false;
  for (std::size_t r = 0; r < m.rows; ++r) {
    for (std::uint32_t i = m.row_begin[r]; i < m.row_begin[r + 1]; ++i) {
      if (m.col[i] >= m.cols || (i > m.row_begin[r] && m.col[i] <= m.col[i - 1])) return false;
    }
  }
  return true;
}

void check_stage(const nn::QuadraticNetwork& network, std::size_t s) {
  const nn::Stage& stage = network.stages[s];
  const auto fail = [&](const std::string& reason) {
    throw InvalidArgument("layer " + stage.name + " is malformed: " + reason);
  };
  const std::size_t rows = nn::element_count(stage.shape);
  if (rows == 0) fail("it is empty");
  if (stage.bias.size() != rows) fail("its bias has " + std::to_string(stage.bias.size()) + " values");
  if (stage.terms.empty()) throw UnsupportedModel("layer " + stage.name + " doesn't depend on the input");
  for (const nn::StageTerm& term : stage.terms) {
    if (term.value > s) fail("it reads a later layer");
    const nn::SparseMatrix& m = term.matrix;
    const std::size_t columns =
        nn::element_count(term.value == 0 ? network.input_shape : network.stages[term.value - 1].shape);
    if (m.rows != rows || m.cols != columns || m.row_begin.size() != rows + 1 || m.col.size() != m.value.size() ||
        m.row_begin.back() != m.col.size()) {
      fail("its matrix doesn't fit its tensors");
    }
    if (!well_formed(m)) fail("its matrix is no sparse matrix");
    for (const double w : m.value) {
      if (!std::isfinite(w)) throw UnsupportedModel("layer " + stage.name + " has weights that are not finite");
    }
  }
  for (const double b : stage.bias) {
    if (!std::isfinite(b)) throw UnsupportedModel("layer " + stage.name + " has a bias that is not finite");
  }
}

void check(const nn::QuadraticNetwork& network, const Options& options) {
  if (network.stages.empty()) throw UnsupportedModel("the network has no layer");
  for (std::size_t s = 0; s < network.stages.size(); ++s) check_stage(network, s);
  const std::size_t elements = nn::element_count(network.input_shape);
  for (const auto& input : options.calibration) {
    if (input.size() != elements) {
      throw InvalidArgument("a calibration input of " + std::to_string(input.size()) + " values for a network of " +
                            std::to_string(elements));
    }
  }
  if (!(options.precision > 0)) throw InvalidArgument("the precision must be positive");
  if (!(options.input_bound > 0)) throw InvalidArgument("the bound of the input must be positive");
  if (options.log_n != 0 && (options.log_n < ckks::kMinLogN || options.log_n > ckks::kMaxLogN)) {
    throw InvalidArgument("log_n must be " + std::to_string(ckks::kMinLogN) + " to " + std::to_string(ckks::kMaxLogN));
  }
}

/// Writes a program's operations in order.
class Assembler {
 public:
  Assembler(const nn::QuadraticNetwork& network, Lowered lowered, const ScalePlan& scales, unsigned log_n)
      : network_(network), lowered_(std::move(lowered)), scales_(scales), depths_(network.depths()) {
    program_.parameters = ckks::ParametersLiteral::from_bits(log_n, scales.q_bits, scales.p_bits);
    program_.parameters.smaller = scales.smaller;
    program_.output_ring = ring_of(scales.smaller, 1);
    program_.input_level = depths_.back();
    program_.input_scale = std::exp2(scales.log_scale[0]);
    program_.input = repeated(lowered_.input, lowered_.log_period, log_n - 1);
    program_.output =
        repeated(lowered_.stages.back().output, lowered_.stages.back().log_period, log_n - 1 - program_.output_ring);
    program_.input_elements = nn::element_count(network.input_shape);
    program_.output_elements = nn::element_count(network.stages.back().shape);
  }

  Program run() {
    next_ = static_cast<std::uint32_t>(program_.input_ciphertexts());
    plain_.resize(network_.stages.size() + 1);
    squares_.resize(network_.stages.size() + 1);
    for (std::uint32_t c = 0; c < next_; ++c) plain_[0].push_back({c, program_.input_level, program_.input_scale, 0});
    for (std::size_t s = 0; s < network_.stages.size(); ++s) add_stage(s);
    for (const Value& value : plain_.back()) program_.results.push_back(value.number);
    program_.keys = required_keys(program_);
    validate(program_);
    return std::move(program_);
  }

 private:
  struct Value {
    std::uint32_t number = 0;
    unsigned level = 0;
    double scale = 1;
    unsigned ring = 0;
  };

  Value push(OpKind kind, Value in, std::uint32_t operand, unsigned level, double scale, unsigned ring,
             const std::string& label) {
    program_.ops.push_back({kind, {in.number}, {next_}, operand, level, scale, label, ring});
    return {next_++, level, scale, ring};
  }

  Value drop(Value value, unsigned level) {
    if (value.level <= level) return value;
    const auto [entry, fresh] = dropped_.try_emplace({value.number, level});
    if (fresh) entry->second = push(OpKind::kDropLevel, value, 0, level, value.scale, value.ring, "");
    return entry->second;
  }

  /// The value in that ring, at that ring's highest level or its own.
  Value shrink(Value value, unsigned ring) {
    while (value.ring < ring) {
      value = drop(value, program_.parameters.smaller[value.ring].level);
      const auto [entry, fresh] = switched_.try_emplace(value.number);
      if (fresh) {
        entry->second = push(OpKind::kSwitchRing, value, 0, value.level, value.scale, value.ring + 1, "switch ring");
      }
      value = entry->second;
    }
    return value;
  }

  /// The ciphertext of a source, squared where that is asked for, at `level` in the ring of that level's maps. Squared
  /// in the largest ring where that is needed.
  Value fetch(const LoweredSource& source, unsigned level) {
    const unsigned ring = ring_of(program_.parameters.smaller, level);
    Value value = plain_[source.value][source.ciphertext];
    if (source.squared) {
      auto& squares = squares_[source.value];
      squares.resize(plain_[source.value].size());
      std::optional<Value>& square = squares[source.ciphertext];
      if (!square) {
        value = shrink(value, ring);
        square = push(OpKind::kSquare, value, 0, value.level, value.scale * value.scale, value.ring, "square");
      }
      value = *square;
    }
    return drop(shrink(value, ring), level);
  }

  void add_stage(std::size_t s) {
    LoweredStage& stage = lowered_.stages[s];
    const std::string& label = network_.stages[s].name;
    const unsigned level = depths_.back() - depths_[s + 1];
    const auto prime = static_cast<double>(program_.parameters.q[level + 1]);
    const double scale = std::exp2(scales_.log_scale[s + 1]);
    Map map;
    const unsigned ring = ring_of(program_.parameters.smaller, level + 1);
    const auto number = static_cast<std::uint32_t>(program_.maps.size());
    Op op{OpKind::kLinearMap, {}, {}, number, level + 1, scale * prime, label, ring};
    for (const LoweredSource& source : stage.sources) {
      const Value value = fetch(source, level + 1);
      op.inputs.push_back(value.number);
      map.weight_scale.push_back(op.scale / value.scale);
    }
    std::vector<Value> results;
    for (std::uint32_t c = 0; c < stage.plan.outputs; ++c) {
      op.outputs.push_back(next_);
      results.push_back({next_++, level + 1, op.scale, ring});
    }
    program_.ops.push_back(std::move(op));
    map.plan = std::move(stage.plan);
    map.diagonals = std::move(stage.diagonals);
    program_.maps.push_back(std::move(map));
    for (std::size_t c = 0; c < results.size(); ++c) {
      Value value = push(OpKind::kRescale, results[c], 0, level, results[c].scale / prime, ring, label);
      const ckks::Diagonal& bias = stage.bias[c];
      if (bias.period() > 1 || bias[0] != 0) {
        value = push(OpKind::kAddVector, value, static_cast<std::uint32_t>(program_.vectors.size()), level, value.scale,
                     ring, label);
        program_.vectors.push_back(bias);
      }
      plain_[s + 1].push_back(value);
    }
  }

  const nn::QuadraticNetwork& network_;
  Lowered lowered_;
  const ScalePlan& scales_;
  std::vector<unsigned> depths_;
  Program program_;
  std::uint32_t next_ = 0;
  std::vector<std::vector<Value>> plain_;  // by value of the network, by ciphertext
  std::vector<std::vector<std::optional<Value>>> squares_;
  std::map<std::pair<std::uint32_t, unsigned>, Value> dropped_;  // by value and level
  std::map<std::uint32_t, Value> switched_;                      // by value
};

/// The same operations, all in the largest ring.
Program in_one_ring(Program program) {
  program.parameters.smaller.clear();
  for (Op& op : program.ops) {
    op.ring = 0;
    if (op.kind == OpKind::kSwitchRing) op.kind = OpKind::kDropLevel;
  }
  return program;
}

Report report_of(const nn::QuadraticNetwork& network, const Program& program, const ParameterChoice& choice,
                 std::size_t period, const Options& options) {
  Report report;
  const auto context = ckks::Context::create(program.parameters);
  const MemoryPlan memory = plan_memory(program, *context, options.memory_budget);
  for (const Op& op : program.ops) {
    if (op.kind != OpKind::kLinearMap) continue;
    const ckks::LinearMapPlan& plan = program.maps[op.operand].plan;
    const nn::Stage& stage = network.stages[op.operand];
    const KeySwitchCount count = count_key_switches(plan);
    report.layers.push_back({op.label, stage.terms[0].matrix.rows, stage.terms[0].matrix.cols, plan.outputs,
                             plan.terms.size(), plan.paired != 0, count.babies, count.giants, count.folds, op.level,
                             program.parameters.log_n - op.ring});
  }
  const std::size_t n = context->n();
  report.depth = program.input_level;
  report.log_n = program.parameters.log_n;
  report.period = period;
  report.log_q = context->log_q();
  report.log_p = context->log_p();
  report.log_qp_limit = ckks::max_log_qp(report.log_n);
  for (auto ring = context->smaller(); ring; ring = ring->smaller()) {
    report.smaller.push_back(
        {ring->log_n(), ring->max_level(), ring->log_q() + ring->log_p(), ckks::max_log_qp(ring->log_n())});
  }
  report.q_bits = choice.scales.q_bits;
  report.p_bits.assign(program.parameters.p.size(), choice.scales.p_bits[0]);
  report.key_switches = count_key_switches(program);
  for (const ckks::KeyRequest* keys = &program.keys; keys != nullptr;
       keys = keys->smaller.empty() ? nullptr : &keys->smaller.front()) {
    report.rotation_keys += keys->rotations.size();
  }
  constexpr std::size_t kHeader = 128;  // of the file and of the ciphertext in it
  std::size_t one = 0;
  for (const std::uint64_t q : program.parameters.q) one += packed_size(n, static_cast<unsigned>(std::bit_width(q)));
  report.input_bytes = kHeader + program.input_ciphertexts() * one;
  report.result_bytes = kHeader + 2 * program.results.size() *
                                      packed_size(n >> program.output_ring,
                                                  static_cast<unsigned>(std::bit_width(program.parameters.q[0])));
  report.evaluation_key_bytes = ckks::evaluation_key_bytes(*context, program.keys);
  report.memory_bytes = memory.total();
  report.encoded_weights = memory.all_weights;
  report.kept_weights = memory.weights;
  report.predicted_logit_error = choice.error;
  report.predicted_latency_ms = predicted_latency_ms(program, *context, memory, measured_rates(*context, 1));
  if (context->smaller()) {
    const Program whole = in_one_ring(program);
    const auto largest = ckks::Context::create(whole.parameters);
    const double without = predicted_latency_ms(whole, *largest, memory, measured_rates(*context, 1));
    report.saved_by_smaller_rings = 1 - report.predicted_latency_ms / without;
  }
  report.threads = thread_count();
  const Rates& rates = measured_rates(*context, report.threads);
  report.predicted_threads_ms = predicted_latency_ms(program, *context, memory, rates);
  report.floor_ms = floor_of(program, *context, memory, rates).ms();
  return report;
}

/// By level of a map's inputs: bits of the slots that its largest tensor fills.
std::vector<unsigned> needed_log_slots(const nn::QuadraticNetwork& network) {
  const std::vector<unsigned> depths = network.depths();
  std::vector<unsigned> bits(depths.back() + 1, 0);
  const auto bits_of = [&](std::size_t value) {
    unsigned sum = 0;
    for (const auto extent : value == 0 ? network.input_shape : network.stages[value - 1].shape) {
      sum += index_bits(static_cast<std::size_t>(extent));
    }
    return sum;
  };
  for (std::size_t s = 0; s < network.stages.size(); ++s) {
    unsigned& most = bits[depths.back() - depths[s + 1] + 1];
    most = std::max(most, bits_of(s + 1));
    for (const nn::StageTerm& term : network.stages[s].terms) most = std::max(most, bits_of(term.value));
  }
  return bits;
}

void set_rings(LoweringOptions& options, const RingChoice& rings, unsigned depth) {
  options.smaller = rings.smaller;
  options.prices.clear();
  for (unsigned level = 0; level <= depth; ++level) {
    const unsigned ring = ring_of(rings.smaller, level);
    const unsigned special = ring == 0 ? rings.special_limbs : rings.smaller[ring - 1].special_limbs;
    options.prices.emplace_back(level, special, options.log_slots + 1 - ring, options.log_slots + 1);
  }
}

std::string depth_needed(const nn::QuadraticNetwork& network) {
  return "the network needs " + std::to_string(network.depth()) + " words of depth";
}

bool takes_several_ciphertexts(const Lowered& lowered) {
  return std::any_of(lowered.stages.begin(), lowered.stages.end(),
                     [](const LoweredStage& stage) { return stage.plan.outputs > 1; });
}

/// What a network may become with its input in one ring.
struct Candidate {
  unsigned log_n = 0;
  Lowered lowered;
  ParameterChoice choice;
  /// For a comparison between rings of the input, in butterflies about.
  double cost() const { return lowered.cost * std::exp2(log_n) * log_n; }
};

/// Layouts, smaller rings and widths for inputs in one ring.
class RingTrial {
 public:
  RingTrial(const nn::QuadraticNetwork& network, const Options& options, const std::vector<ValueStatistics>& values,
            const std::vector<std::vector<double>>& inputs, unsigned log_n)
      : network_(network),
        options_(options),
        values_(values),
        inputs_(inputs),
        log_n_(log_n),
        needed_(needed_log_slots(network)) {
    lowering_.log_slots = log_n - 1;
    lowering_.cached = log_n < kEncodeOnTheFly;
    lowering_.max_rotation_keys = options.max_rotation_keys;
    lowering_.max_key_limbs = static_cast<double>(options.evaluation_key_budget) /
                              static_cast<double>(packed_size(std::size_t{1} << log_n, ring::kMaxPrimeBits));
  }

  /// The cheapest one found that is precise enough; nullopt, and a reason, where there is none.
  std::optional<Candidate> run() {
    const auto least = search_parameters(log_n_, least_errors(network_, values_), choose_rings(log_n_, needed_, 0),
                                         options_.precision);
    if (!precise(least)) return std::nullopt;
    // With as many smaller rings as serve, then one fewer at a time as long as that is cheaper.
    std::size_t most = options_.ring_switching && log_n_ > kLeastRingToShrink ? log_n_ - ckks::kMinLogN : 0;
    while (true) {
      const RingChoice rings = choose_rings(log_n_, needed_, most);
      if (!try_rings(rings) || rings.smaller.empty()) break;
      most = rings.smaller.size() - 1;
    }
    return std::move(best_);
  }

  const std::string& reason() const { return reason_; }

 private:
  bool precise(const std::optional<ParameterChoice>& choice) {
    if (choice && choice->error <= options_.precision) return true;
    reason_ = depth_needed(network_) + "; at N=2^" + std::to_string(log_n_) +
              (choice ? " so many leave a predicted error of " + decimal(choice->error) + ", more than the " +
                            decimal(options_.precision) + " asked for"
                      : " so many are too narrow for its values") +
              ": use fewer layers, a lower precision or smaller values";
    return false;
  }

  /// Whether these rings might have been cheaper than the best so far, which what they give becomes where it is.
  bool try_rings(const RingChoice& rings) {
    set_rings(lowering_, rings, network_.depth());
    for (const bool pairs : {true, false}) {  // without, where their errors would ask for a larger ring
      lowering_.pairs = pairs;
      Lowered lowered;
      try {
        lowered = lower(network_, lowering_);
      } catch (const UnsupportedModel& error) {
        reason_ = error.what();
        return true;
      }
      if (best_ && lowered.cost >= best_->lowered.cost) return false;
      const auto choice =
          search_parameters(log_n_, errors_of(network_, values_, lowered, inputs_), rings, options_.precision);
      if (!precise(choice)) continue;
      best_ = {log_n_, std::move(lowered), *choice};
      return true;
    }
    return true;
  }

  const nn::QuadraticNetwork& network_;
  const Options& options_;
  const std::vector<ValueStatistics>& values_;
  const std::vector<std::vector<double>>& inputs_;
  unsigned log_n_;
  std::vector<unsigned> needed_;
  LoweringOptions lowering_;
  std::optional<Candidate> best_;
  std::string reason_;
};

/// Compiles the network of both views, then lets both be packed from the one image.
Compiled compile_with_mirror_image(const nn::QuadraticNetwork& network, const Options& options) {
  const std::vector<std::uint32_t> sources = nn::mirror_image_sources(network.input_shape);
  Options both = options;
  both.mirror_image = false;
  for (std::vector<double>& input : both.calibration) {
    std::vector<double> views;
    for (const std::uint32_t e : sources) views.push_back(input[e]);
    input = std::move(views);
  }
  Compiled out = compile(nn::with_mirror_image(network), both);
  for (std::int32_t& e : out.program.input.element) {
    if (e >= 0) e = static_cast<std::int32_t>(sources[static_cast<std::size_t>(e)]);
  }
  out.program.input_elements = nn::element_count(network.input_shape);
  return out;
}

}  // namespace

Compiled compile(const nn::QuadraticNetwork& network, const Options& options) {
  check(network, options);
  if (options.mirror_image) return compile_with_mirror_image(network, options);
  const unsigned first = options.log_n != 0 ? options.log_n : ckks::kMinLogN;
  const unsigned last = options.log_n != 0 ? options.log_n : ckks::kMaxLogN;
  const unsigned depth = network.depth();
  if (!may_fit(last, depth)) {  // before anything is measured: values of such depth may overflow
    const auto available = static_cast<std::size_t>(ckks::max_log_qp(last) / (last + 8)) - 2;
    throw UnsupportedModel(depth_needed(network) + ", N=2^" + std::to_string(last) + " has room for " +
                           std::to_string(available) + " at 128 bits: use fewer layers");
  }
  const auto inputs =
      options.calibration.empty() ? random_inputs(network, options.input_bound, kRandomInputs) : options.calibration;
  std::vector<ValueStatistics> values = measure(network, inputs);
  // What calibration shows says less than a bound that is known.
  const double plausible = 2 * (options.output_bound > 0 ? options.output_bound : values.back().range);
  values.back().range = std::max(values.back().range, plausible / kOutputMargin);
  std::string reason;
  std::optional<Candidate> best;
  for (unsigned log_n = first; log_n <= last; ++log_n) {
    if (!may_fit(log_n, depth)) continue;
    RingTrial trial(network, options, values, inputs, log_n);
    std::optional<Candidate> found = trial.run();
    if (!found && best) break;
    if (!found) {
      reason = trial.reason();
      continue;
    }
    if (best && best->cost() <= found->cost()) break;
    best = std::move(found);
    // A tensor in several ciphertexts may be cheaper in one of a larger ring.
    if (!takes_several_ciphertexts(best->lowered)) break;
  }
  if (!best) throw UnsupportedModel(reason);
  const std::size_t period = std::size_t{1} << best->lowered.log_period;
  Compiled out;
  out.program = Assembler(network, std::move(best->lowered), best->choice.scales, best->log_n).run();
  choose_digits(out.program, options.evaluation_key_budget, best->log_n < kEncodeOnTheFly);
  out.program.output_bound = plausible;
  out.report = report_of(network, out.program, best->choice, period, options);
  return out;
}

}  // namespace blindsight::compiler
