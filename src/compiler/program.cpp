#include "blindsight/compiler/program.h"

#include <cmath>
#include <ostream>

#include "blindsight/base/error.h"

namespace blindsight::compiler {

namespace {

const char* name(OpKind kind) {
  switch (kind) {
    case OpKind::kLinearTransform:
      return "linear_transform";
    case OpKind::kAddVector:
      return "add_vector";
    case OpKind::kSquare:
      return "square";
    case OpKind::kRescale:
      return "rescale";
    case OpKind::kDropLevel:
      return "drop_level";
  }
  return "?";
}

constexpr double kScaleTolerance = 1e-9;

bool same_scale(double a, double b) { return std::abs(a - b) <= kScaleTolerance * std::max(a, b); }

void check_layout(const Layout& layout, std::size_t slots, std::size_t elements, const char* what) {
  const auto fail = [&](const std::string& reason) {
    throw InvalidArgument(std::string("the program's ") + what + " layout " + reason);
  };
  if (layout.element.size() != slots) {
    fail("has " + std::to_string(layout.element.size()) + " slots of " + std::to_string(slots));
  }
  for (const std::int32_t e : layout.element) {
    if (e < kAnything || (e >= 0 && static_cast<std::size_t>(e) >= elements)) {
      fail("names element " + std::to_string(e) + " of " + std::to_string(elements));
    }
  }
}

}  // namespace

std::ostream& operator<<(std::ostream& out, const Program& program) {
  out << "input %0  level " << program.input_level << "  scale 2^" << std::log2(program.input_scale) << '\n';
  for (const Op& op : program.ops) {
    out << '%' << op.output << " = " << name(op.kind) << " %" << op.input;
    if (op.kind == OpKind::kLinearTransform) {
      const auto& plan = program.transforms[op.operand].plan;
      out << "  [" << plan.terms.size() << " diagonals, " << plan.folds.size() << " folds]";
    }
    out << "  level " << op.level << "  scale 2^" << std::log2(op.scale);
    if (!op.label.empty()) out << "  ; " << op.label;
    out << '\n';
  }
  return out;
}

void validate(const Program& program) {
  const auto& literal = program.parameters;
  if (literal.log_n < ckks::kMinLogN || literal.log_n > ckks::kMaxLogN || literal.q.empty() || literal.p.empty()) {
    throw InvalidArgument("the program's parameters are incomplete");
  }
  const std::size_t slots = program.slots();
  if (program.input_level >= literal.q.size()) throw InvalidArgument("the program's input level is above its primes");
  if (!(program.input_scale >= 1) || !std::isfinite(program.input_scale)) {
    throw InvalidArgument("the program's input scale is no scale");
  }
  if (program.input_elements == 0 || program.output_elements == 0) throw InvalidArgument("the program is empty");
  check_layout(program.input, slots, program.input_elements, "input");
  check_layout(program.output, slots, program.output_elements, "output");
  std::vector<bool> stands(program.output_elements, false);
  for (const std::int32_t e : program.output.element) {
    if (e >= 0) stands[static_cast<std::size_t>(e)] = true;
  }
  for (std::size_t e = 0; e < stands.size(); ++e) {
    if (!stands[e]) throw InvalidArgument("output " + std::to_string(e) + " of the program stands in no slot");
  }

  for (const Transform& transform : program.transforms) {
    if (transform.plan.terms.empty()) throw InvalidArgument("a linear transform of the program has no diagonals");
    for (const auto& diagonal : transform.diagonals) {
      if (diagonal.size() != slots) throw InvalidArgument("a diagonal of the program has the wrong length");
      for (const double w : diagonal) {
        if (!std::isfinite(w)) throw InvalidArgument("a weight of the program is not finite");
      }
    }
    const auto in_range = [&](int k) { return k > -static_cast<int>(slots) && k < static_cast<int>(slots); };
    for (const auto& term : transform.plan.terms) {
      if (term.diagonal >= transform.diagonals.size() || !in_range(term.baby) || !in_range(term.giant)) {
        throw InvalidArgument("a linear transform of the program names a diagonal or rotation that there is not");
      }
    }
    for (const int k : transform.plan.folds) {
      if (k == 0 || !in_range(k)) throw InvalidArgument("a fold of the program is out of range");
    }
    if (!(transform.scale > 0) || !std::isfinite(transform.scale)) {
      throw InvalidArgument("a linear transform of the program has no scale");
    }
  }
  for (const auto& vector : program.vectors) {
    if (vector.size() != slots) throw InvalidArgument("a vector of the program has the wrong length");
    for (const double v : vector) {
      if (!std::isfinite(v)) throw InvalidArgument("a bias of the program is not finite");
    }
  }

  struct Value {
    unsigned level;
    double scale;
  };
  std::vector<Value> values{{program.input_level, program.input_scale}};
  for (std::size_t i = 0; i < program.ops.size(); ++i) {
    const Op& op = program.ops[i];
    const auto fail = [&](const std::string& reason) {
      throw InvalidArgument("operation " + std::to_string(i) + " of the program, " + name(op.kind) + ", " + reason);
    };
    if (op.input >= values.size()) fail("reads value " + std::to_string(op.input) + " before it is made");
    if (op.output != values.size()) fail("is numbered " + std::to_string(op.output));
    const Value in = values[op.input];
    Value expected = in;
    switch (op.kind) {
      case OpKind::kLinearTransform:
        if (op.operand >= program.transforms.size()) fail("has no transform");
        expected.scale = in.scale * program.transforms[op.operand].scale;
        break;
      case OpKind::kAddVector:
        if (op.operand >= program.vectors.size()) fail("has no vector");
        break;
      case OpKind::kSquare:
        expected.scale = in.scale * in.scale;
        break;
      case OpKind::kRescale:
        if (in.level == 0) fail("has no prime left to divide by");
        expected = {in.level - 1, in.scale / static_cast<double>(literal.q[in.level])};
        break;
      case OpKind::kDropLevel:
        if (op.level > in.level) fail("raises the level");
        expected.level = op.level;
        break;
      default:
        fail("is of an unknown kind");
    }
    if (op.level != expected.level) {
      fail("is at level " + std::to_string(op.level) + " instead of " + std::to_string(expected.level));
    }
    if (!(op.scale > 0) || !same_scale(op.scale, expected.scale)) {
      fail("has scale 2^" + std::to_string(std::log2(op.scale)) + " instead of 2^" +
           std::to_string(std::log2(expected.scale)));
    }
    values.push_back({op.level, op.scale});
  }
}

ckks::KeyRequest required_keys(const Program& program) {
  ckks::KeyRequest keys;
  const auto slots = static_cast<std::uint32_t>(program.slots());
  for (const Op& op : program.ops) {
    if (op.kind == OpKind::kLinearTransform) {
      for (const int k : ckks::rotations_of(program.transforms[op.operand].plan, slots)) {
        unsigned& level = keys.rotations.try_emplace(k, op.level).first->second;
        level = std::max(level, op.level);
      }
    } else if (op.kind == OpKind::kSquare) {
      keys.relinearisation = std::max(keys.relinearisation.value_or(0), op.level);
    }
  }
  return keys;
}

}  // namespace blindsight::compiler
