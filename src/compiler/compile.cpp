#include "blindsight/compiler/compile.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdio>

#include "blindsight/base/error.h"
#include "blindsight/ckks/serialise.h"
#include "blindsight/compiler/calibrate.h"
#include "blindsight/compiler/cost.h"
#include "blindsight/compiler/lowering.h"
#include "blindsight/compiler/parameter_search.h"

namespace blindsight::compiler {

namespace {

std::string decimal(double x) {
  char text[32];
  std::snprintf(text, sizeof text, "%.3g", x);
  return text;
}

void check(const nn::QuadraticChain& chain, const Options& options) {
  if (chain.affine.empty()) throw UnsupportedModel("the network has no layer");
  for (std::size_t k = 0; k < chain.affine.size(); ++k) {
    const nn::SparseAffine& map = chain.affine[k];
    if (map.row_begin.size() != map.rows + 1 || map.bias.size() != map.rows || map.col.size() != map.value.size() ||
        map.row_begin.back() != map.col.size()) {
      throw InvalidArgument("layer " + map.name + " is malformed");
    }
    if (k > 0 && map.cols != chain.affine[k - 1].rows) {
      throw InvalidArgument("layer " + map.name + " takes " + std::to_string(map.cols) +
                            " values, the one before gives " + std::to_string(chain.affine[k - 1].rows));
    }
    for (const double w : map.value) {
      if (!std::isfinite(w)) throw UnsupportedModel("layer " + map.name + " has weights that are not finite");
    }
    for (const double b : map.bias) {
      if (!std::isfinite(b)) throw UnsupportedModel("layer " + map.name + " has a bias that is not finite");
    }
  }
  if (!options.ranges.empty() && options.ranges.size() != chain.affine.size()) {
    throw InvalidArgument(std::to_string(options.ranges.size()) + " ranges given for " +
                          std::to_string(chain.affine.size()) +
                          " layers: one before every square and one of the logits");
  }
  for (const double r : options.ranges) {
    if (!(r > 0) || !std::isfinite(r)) throw InvalidArgument("a range is not positive");
  }
  if (!(options.precision > 0)) throw InvalidArgument("the precision must be positive");
  if (!(options.input_bound > 0)) throw InvalidArgument("the bound of the input must be positive");
  if (options.log_n != 0 && (options.log_n < ckks::kMinLogN || options.log_n > ckks::kMaxLogN)) {
    throw InvalidArgument("log_n must be " + std::to_string(ckks::kMinLogN) + " to " + std::to_string(ckks::kMaxLogN));
  }
}

Program assemble(const nn::QuadraticChain& chain, Lowered lowered, const ScalePlan& scales, unsigned log_n) {
  const std::size_t depth = chain.affine.size();
  Program program;
  program.parameters = ckks::ParametersLiteral::from_bits(log_n, scales.q_bits, {scales.p_bits});
  program.input_level = static_cast<unsigned>(depth);
  program.input = std::move(lowered.input);
  program.output = lowered.maps.back().output;
  program.input_elements = chain.affine.front().cols;
  program.output_elements = chain.affine.back().rows;

  unsigned level = program.input_level;
  double scale = 0;
  std::uint32_t value = 0;
  const auto push = [&](OpKind kind, std::uint32_t operand, const std::string& label) {
    program.ops.push_back({kind, value, value + 1, operand, level, scale, label});
    ++value;
  };
  for (std::size_t k = 0; k < depth; ++k) {
    const std::string& label = chain.affine[k].name;
    const double prime = static_cast<double>(program.parameters.q[level]);
    const double target = std::exp2(k + 1 == depth ? scales.log_out : scales.log_delta);
    double weight_scale = std::exp2(scales.log_first_weight);
    if (k == 0) {
      program.input_scale = scale = target * prime / weight_scale;
    } else {
      weight_scale = target * prime / scale;
    }
    scale *= weight_scale;
    push(OpKind::kLinearTransform, static_cast<std::uint32_t>(program.transforms.size()), label);
    program.transforms.push_back({std::move(lowered.maps[k].plan), std::move(lowered.maps[k].diagonals), weight_scale});
    --level;
    scale /= prime;
    push(OpKind::kRescale, 0, label);
    const std::vector<double>& bias = lowered.maps[k].bias;
    if (std::any_of(bias.begin(), bias.end(), [](double b) { return b != 0; })) {
      push(OpKind::kAddVector, static_cast<std::uint32_t>(program.vectors.size()), label);
      program.vectors.push_back(bias);
    }
    if (k + 1 < depth) {
      scale *= scale;
      push(OpKind::kSquare, 0, "square");
    }
  }
  program.keys = required_keys(program);
  validate(program);
  return program;
}

Report report_of(const nn::QuadraticChain& chain, const Program& program, const ScalePlan& scales, double error) {
  Report report;
  const auto context = ckks::Context::create(program.parameters);
  std::size_t k = 0;
  std::size_t weights = 0;
  for (const Op& op : program.ops) {
    if (op.kind != OpKind::kLinearTransform) continue;
    const Transform& transform = program.transforms[op.operand];
    const KeySwitchCount count = count_key_switches(transform.plan);
    report.layers.push_back({op.label, chain.affine[k].rows, chain.affine[k].cols, transform.plan.terms.size(),
                             count.babies + count.giants, count.folds, op.level});
    weights += transform.plan.terms.size() * (op.level + 1) * context->n() * sizeof(std::uint64_t);
    ++k;
  }
  const std::size_t n = context->n();
  report.depth = program.input_level;
  report.log_n = program.parameters.log_n;
  report.log_q = context->log_q();
  report.log_p = context->log_p();
  report.log_qp_limit = ckks::max_log_qp(report.log_n);
  report.q_bits = scales.q_bits;
  report.p_bits = {scales.p_bits};
  report.key_switches = count_key_switches(program);
  report.rotation_keys = program.keys.rotations.size();
  constexpr std::size_t kHeader = 128;  // of the file and of the ciphertext in it
  report.input_bytes = kHeader;
  for (const std::uint64_t q : program.parameters.q) {
    report.input_bytes += packed_size(n, static_cast<unsigned>(std::bit_width(q)));
  }
  report.result_bytes = kHeader + 2 * packed_size(n, static_cast<unsigned>(std::bit_width(program.parameters.q[0])));
  report.evaluation_key_bytes = ckks::evaluation_key_bytes(*context, program.keys);
  // In memory words are not packed, and the seeded halves of the keys are expanded.
  std::size_t keys = 0;
  const auto key_words = [&](unsigned level) { return 2 * context->digits(level) * (level + 2) * n; };
  for (const auto& [rotation, level] : program.keys.rotations) keys += key_words(level);
  if (program.keys.relinearisation) keys += key_words(*program.keys.relinearisation);
  report.memory_bytes = weights + keys * sizeof(std::uint64_t);
  report.predicted_logit_error = error;
  report.predicted_latency_ms = predicted_latency_ms(program);
  return report;
}

}  // namespace

Compiled compile(const nn::QuadraticChain& chain, const Options& options) {
  check(chain, options);
  const std::vector<double> ranges =
      options.ranges.empty() ? estimate_ranges(chain, options.input_bound) : options.ranges;
  const unsigned first = options.log_n != 0 ? options.log_n : ckks::kMinLogN;
  const unsigned last = options.log_n != 0 ? options.log_n : ckks::kMaxLogN;
  const std::size_t depth = chain.affine.size();
  std::string reason;
  for (unsigned log_n = first; log_n <= last; ++log_n) {
    if (!may_fit(log_n, depth)) {
      const auto available = static_cast<std::size_t>(ckks::max_log_qp(log_n) / (log_n + 8)) - 2;
      reason = "the network needs " + std::to_string(depth) + " words of depth, N=2^" + std::to_string(log_n) +
               " has room for " + std::to_string(available) + " at 128 bits: use fewer layers";
      continue;
    }
    Lowered lowered;
    try {
      lowered = lower(chain, log_n - 1);
    } catch (const UnsupportedModel& error) {
      reason = error.what();
      continue;
    }
    const auto choice =
        search_parameters(log_n, statistics(chain, lowered, ranges, options.input_bound), options.precision);
    if (!choice || choice->error > options.precision) {
      reason = "the network needs " + std::to_string(depth) + " words of depth; at N=2^" + std::to_string(log_n) +
               (choice ? " so many leave a predicted error of " + decimal(choice->error) + ", more than the " +
                             decimal(options.precision) + " asked for"
                       : " so many are too narrow for its values") +
               ": use fewer layers, a lower precision or smaller values";
      continue;
    }
    Compiled out;
    out.program = assemble(chain, std::move(lowered), choice->scales, log_n);
    out.report = report_of(chain, out.program, choice->scales, choice->error);
    return out;
  }
  throw UnsupportedModel(reason);
}

}  // namespace blindsight::compiler
