#include "blindsight/compiler/program.h"

#include <algorithm>
#include <cmath>
#include <ostream>
#include <tuple>

#include "blindsight/base/error.h"

namespace blindsight::compiler {

namespace {

const char* name(OpKind kind) {
  switch (kind) {
    case OpKind::kLinearMap:
      return "linear_map";
    case OpKind::kAddVector:
      return "add_vector";
    case OpKind::kSquare:
      return "square";
    case OpKind::kRescale:
      return "rescale";
    case OpKind::kDropLevel:
      return "drop_level";
    case OpKind::kSwitchRing:
      return "switch_ring";
  }
  return "?";
}

constexpr double kScaleTolerance = 1e-9;

bool same_scale(double a, double b) { return std::abs(a - b) <= kScaleTolerance * std::max(a, b); }

bool is_scale(double scale) { return scale > 0 && std::isfinite(scale); }

std::string log2_text(double scale) { return "2^" + std::to_string(std::log2(scale)); }

void print_values(std::ostream& out, const std::vector<std::uint32_t>& values) {
  for (std::size_t i = 0; i < values.size(); ++i) out << (i == 0 ? "%" : ", %") << values[i];
}

void check_layout(const Layout& layout, std::size_t slots, std::size_t elements, const char* what) {
  const auto fail = [&](const std::string& reason) {
    throw InvalidArgument(std::string("the program's ") + what + " layout " + reason);
  };
  const std::size_t size = layout.element.size();
  if (size == 0 || size % slots != 0 || size / slots > kMaxCiphertexts) {
    fail("has " + std::to_string(size) + " slots, which are not 1 to " + std::to_string(kMaxCiphertexts) +
         " ciphertexts of " + std::to_string(slots));
  }
  for (const std::int32_t e : layout.element) {
    if (e < kAnything || (e >= 0 && static_cast<std::size_t>(e) >= elements)) {
      fail("names element " + std::to_string(e) + " of " + std::to_string(elements));
    }
  }
}

void check_interface(const Program& program) {
  const auto& literal = program.parameters;
  if (literal.log_n < ckks::kMinLogN || literal.log_n > ckks::kMaxLogN || literal.q.empty() || literal.p.empty()) {
    throw InvalidArgument("the program's parameters are incomplete");
  }
  if (literal.smaller.size() > literal.log_n - ckks::kMinLogN) throw InvalidArgument("the program has too many rings");
  if (program.input_level >= literal.q.size()) throw InvalidArgument("the program's input level is above its primes");
  if (!(program.input_scale >= 1) || !std::isfinite(program.input_scale)) {
    throw InvalidArgument("the program's input scale is no scale");
  }
  if (program.input_elements == 0 || program.output_elements == 0) throw InvalidArgument("the program is empty");
  check_layout(program.input, program.slots(), program.input_elements, "input");
  if (program.output_ring > literal.smaller.size()) throw InvalidArgument("the program's output is in no ring");
  check_layout(program.output, program.slots(program.output_ring), program.output_elements, "output");
  if (!is_bound(program.output_bound)) throw InvalidArgument("the program's outputs have no bound");
  std::vector<bool> stands(program.output_elements, false);
  for (const std::int32_t e : program.output.element) {
    if (e >= 0) stands[static_cast<std::size_t>(e)] = true;
  }
  for (std::size_t e = 0; e < stands.size(); ++e) {
    if (!stands[e]) throw InvalidArgument("output " + std::to_string(e) + " of the program stands in no slot");
  }
}

void check_diagonal(const ckks::Diagonal& diagonal, std::size_t slots, const char* what) {
  const std::size_t period = diagonal.period();
  if (period == 0 || slots % period != 0) {
    throw InvalidArgument(std::string(what) + " of the program has " + std::to_string(period) +
                          " entries, which don't divide " + std::to_string(slots) + " slots");
  }
  for (const double v : diagonal.table()) {
    if (!std::isfinite(v))
      throw InvalidArgument(std::string(what) + " of the program holds a value that is not finite");
  }
}

void check_map(const Map& map, std::size_t slots) {
  const ckks::LinearMapPlan& plan = map.plan;
  const auto fail = [](const std::string& reason) { throw InvalidArgument("a linear map of the program " + reason); };
  if (plan.inputs == 0 || plan.inputs > kMaxCiphertexts || plan.outputs == 0 || plan.outputs > kMaxCiphertexts) {
    fail("takes " + std::to_string(plan.inputs) + " ciphertexts and makes " + std::to_string(plan.outputs));
  }
  if (map.weight_scale.size() != plan.inputs ||
      !std::all_of(map.weight_scale.begin(), map.weight_scale.end(), is_scale)) {
    fail("has no scale for the weights on each input");
  }
  for (const ckks::Diagonal& diagonal : map.diagonals) check_diagonal(diagonal, slots, "a diagonal");
  const auto in_range = [&](int k) { return k > -static_cast<int>(slots) && k < static_cast<int>(slots); };
  if (!in_range(plan.paired)) fail("pairs rotations further apart than there are slots");
  std::vector<bool> made(plan.outputs, false);
  for (const auto& term : plan.terms) {
    if (term.input >= plan.inputs || term.output >= plan.outputs) fail("reads or makes a ciphertext that there is not");
    if (term.diagonal >= map.diagonals.size() || (plan.paired != 0 && term.partner >= map.diagonals.size())) {
      fail("names a diagonal that there is not");
    }
    if (!in_range(term.baby) || !in_range(term.giant)) fail("rotates by more slots than there are");
    made[term.output] = true;
  }
  const auto order = [](const ckks::LinearMapPlan::Term& t) { return std::tuple(t.output, t.giant, t.input, t.baby); };
  if (!std::is_sorted(plan.terms.begin(), plan.terms.end(),
                      [&](const auto& a, const auto& b) { return order(a) < order(b); })) {
    fail("has terms out of order");
  }
  if (std::find(made.begin(), made.end(), false) != made.end()) fail("has an output without a term");
  for (const int k : plan.folds) {
    if (k == 0 || !in_range(k)) fail("has a fold out of range");
  }
}

/// Level, scale and ring of every value, as the operations are gone through.
class Checker {
 public:
  explicit Checker(const Program& program) : program_(program) {
    values_.assign(program.input_ciphertexts(), {program.input_level, program.input_scale, 0});
  }

  void check(std::size_t i) {
    const Op& op = program_.ops[i];
    const auto fail = [&](const std::string& reason) {
      throw InvalidArgument("operation " + std::to_string(i) + " of the program, " + name(op.kind) + ", " + reason);
    };
    if (op.inputs.empty() || op.outputs.empty()) fail("reads or makes nothing");
    for (const std::uint32_t v : op.inputs) {
      if (v >= values_.size()) fail("reads value " + std::to_string(v) + " before it is made");
    }
    for (std::size_t o = 0; o < op.outputs.size(); ++o) {
      if (op.outputs[o] != values_.size() + o) fail("makes value " + std::to_string(op.outputs[o]) + " out of turn");
    }
    if (op.kind != OpKind::kLinearMap && (op.inputs.size() != 1 || op.outputs.size() != 1)) {
      fail("has not one input and one output");
    }
    const Value expected = expect(op, fail);
    if (op.level != expected.level) {
      fail("is at level " + std::to_string(op.level) + " instead of " + std::to_string(expected.level));
    }
    if (!is_scale(op.scale) || !same_scale(op.scale, expected.scale)) {
      fail("has scale " + log2_text(op.scale) + " instead of " + log2_text(expected.scale));
    }
    if (op.ring != expected.ring) fail("is in ring " + std::to_string(op.ring));
    values_.insert(values_.end(), op.outputs.size(), {op.level, op.scale, op.ring});
  }

  void check_result(std::uint32_t value) const {
    const std::string name = "the program's result is value " + std::to_string(value);
    if (value >= values_.size()) throw InvalidArgument(name + ", which is never made");
    if (values_[value].ring != program_.output_ring) throw InvalidArgument(name + ", which is in another ring");
  }

 private:
  struct Value {
    unsigned level;
    double scale;
    unsigned ring;
  };

  template <typename Fail>
  Value expect(const Op& op, Fail&& fail) const {
    const Value in = values_[op.inputs[0]];
    switch (op.kind) {
      case OpKind::kLinearMap: {
        if (op.operand >= program_.maps.size()) fail("has no map");
        const Map& map = program_.maps[op.operand];
        check_map(map, program_.slots(in.ring));
        if (op.inputs.size() != map.plan.inputs || op.outputs.size() != map.plan.outputs) {
          fail("has other numbers of inputs and outputs than its map");
        }
        const double scale = in.scale * map.weight_scale[0];
        for (std::size_t k = 0; k < op.inputs.size(); ++k) {
          const Value& other = values_[op.inputs[k]];
          if (other.level != in.level) fail("reads values of different levels");
          if (other.ring != in.ring) fail("reads values of different rings");
          if (!same_scale(other.scale * map.weight_scale[k], scale)) fail("adds up products of different scales");
        }
        return {in.level, scale, in.ring};
      }
      case OpKind::kAddVector:
        if (op.operand >= program_.vectors.size()) fail("has no vector");
        check_diagonal(program_.vectors[op.operand], program_.slots(in.ring), "a vector");
        return in;
      case OpKind::kSquare:
        return {in.level, in.scale * in.scale, in.ring};
      case OpKind::kRescale:
        if (in.level == 0) fail("has no prime left to divide by");
        return {in.level - 1, in.scale / static_cast<double>(program_.parameters.q[in.level]), in.ring};
      case OpKind::kDropLevel:
        if (op.level > in.level) fail("raises the level");
        return {op.level, in.scale, in.ring};
      case OpKind::kSwitchRing: {
        const auto& smaller = program_.parameters.smaller;
        if (in.ring >= smaller.size()) fail("leads to a ring that there is not");
        if (in.level > smaller[in.ring].level) fail("reads a value above the smaller ring's highest level");
        return {in.level, in.scale, in.ring + 1};
      }
    }
    fail("is of an unknown kind");
    return in;
  }

  const Program& program_;
  std::vector<Value> values_;
};

}  // namespace

std::ostream& operator<<(std::ostream& out, const Program& program) {
  for (std::size_t i = 0; i < program.input_ciphertexts(); ++i) {
    out << '%' << i << " = input  level " << program.input_level << "  scale " << log2_text(program.input_scale)
        << '\n';
  }
  for (const Op& op : program.ops) {
    print_values(out, op.outputs);
    out << " = " << name(op.kind) << ' ';
    print_values(out, op.inputs);
    if (op.kind == OpKind::kLinearMap && op.operand < program.maps.size()) {
      const auto& plan = program.maps[op.operand].plan;
      out << "  [" << plan.terms.size() << (plan.paired != 0 ? " pairs of diagonals, " : " diagonals, ")
          << plan.folds.size() << " folds]";
    }
    out << "  level " << op.level << "  scale " << log2_text(op.scale);
    if (op.ring != 0) out << "  ring " << op.ring;
    if (!op.label.empty()) out << "  ; " << op.label;
    out << '\n';
  }
  out << "results ";
  print_values(out, program.results);
  return out << '\n';
}

std::size_t Program::values() const {
  std::size_t count = input_ciphertexts();
  for (const Op& op : ops) count += op.outputs.size();
  return count;
}

void validate(const Program& program) {
  check_interface(program);
  for (const Map& map : program.maps) check_map(map, program.slots());
  for (const ckks::Diagonal& vector : program.vectors) check_diagonal(vector, program.slots(), "a vector");
  Checker checker(program);
  for (std::size_t i = 0; i < program.ops.size(); ++i) checker.check(i);
  if (program.results.size() != program.output_ciphertexts()) {
    throw InvalidArgument("the program has " + std::to_string(program.results.size()) + " results for an output of " +
                          std::to_string(program.output.element.size()) + " slots");
  }
  for (const std::uint32_t v : program.results) checker.check_result(v);
}

std::vector<ckks::ParametersLiteral> rings_of(const ckks::ParametersLiteral& parameters) {
  std::vector<ckks::ParametersLiteral> rings{parameters};
  while (!rings.back().smaller.empty()) rings.push_back(rings.back().half());
  return rings;
}

ckks::KeyRequest required_keys(const Program& program) {
  ckks::KeyRequest keys;
  const auto rings = rings_of(program.parameters);
  for (const Op& op : program.ops) {
    if (op.kind == OpKind::kLinearMap) {
      const auto slots = static_cast<std::uint32_t>(program.slots(op.ring));
      for (const int k : ckks::rotations_of(program.maps[op.operand].plan, slots)) {
        keys.in_ring(op.ring).want_rotation(rings[op.ring], k, op.level);
      }
      if (program.maps[op.operand].plan.paired != 0) {
        keys.in_ring(op.ring).want_conjugation(rings[op.ring], op.level);
      }
    } else if (op.kind == OpKind::kSquare) {
      keys.in_ring(op.ring).want_relinearisation(rings[op.ring], op.level);
    }
  }
  return keys;
}

}  // namespace blindsight::compiler
