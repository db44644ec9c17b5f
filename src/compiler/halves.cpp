#include "blindsight/compiler/halves.h"

#include <algorithm>
#include <limits>
#include <map>
#include <numeric>
#include <set>

#include "blindsight/base/error.h"

namespace blindsight::compiler {
namespace {

using Values = std::set<std::uint32_t>;

[[noreturn]] void refuse(const std::string& reason) {
  throw InvalidArgument("the network can't be given an image in parts: " + reason);
}

/// The operation that makes each value; none for inputs.
std::vector<const Op*> makers(const Program& program) {
  std::vector<const Op*> maker(program.values(), nullptr);
  for (const Op& op : program.ops) {
    for (const std::uint32_t v : op.outputs) maker[v] = &op;
  }
  return maker;
}

/// What the squares that the last linear map reads are squares of, in rising order.
std::vector<std::uint32_t> squared_last(const Program& program) {
  const auto last = std::find_if(program.ops.rbegin(), program.ops.rend(),
                                 [](const Op& op) { return op.kind == OpKind::kLinearMap; });
  if (last == program.ops.rend()) refuse("it has no layer");
  const auto maker = makers(program);
  Values cut;
  for (const std::uint32_t v : last->inputs) {
    if (maker[v] == nullptr || maker[v]->kind != OpKind::kSquare) refuse("its last layer reads more than squares");
    cut.insert(maker[v]->inputs[0]);
  }
  return {cut.begin(), cut.end()};
}

/// Follows a value back to the linear map that made it, noting the maps and vectors on the way.
void collect_weights(const std::vector<const Op*>& maker, std::uint32_t value, Values& maps, Values& vectors) {
  for (const Op* op = maker[value]; op != nullptr; op = maker[op->inputs[0]]) {
    if (op->kind == OpKind::kSquare) break;
    if (op->kind == OpKind::kAddVector) vectors.insert(op->operand);
    if (op->kind != OpKind::kLinearMap) continue;
    maps.insert(op->operand);
    return;
  }
  refuse("what it squares last is no layer's result");
}

ckks::Diagonal times(const ckks::Diagonal& diagonal, double factor) {
  std::vector<double> table = diagonal.table();
  for (double& v : table) v *= factor;
  return {std::move(table), diagonal.index()};
}

/// Multiplies the values' weights and biases. Throws where others use them too.
void scale(Program& body, const std::vector<std::uint32_t>& values, double share) {
  const auto maker = makers(body);
  Values maps;
  Values vectors;
  for (const std::uint32_t v : values) collect_weights(maker, v, maps, vectors);
  const auto users = [&](OpKind kind, std::uint32_t operand) {
    return std::count_if(body.ops.begin(), body.ops.end(),
                         [&](const Op& op) { return op.kind == kind && op.operand == operand; });
  };
  for (const std::uint32_t m : maps) {
    const auto made =
        std::accumulate(body.ops.begin(), body.ops.end(), std::size_t{0}, [&](std::size_t n, const Op& op) {
          return n + (op.kind == OpKind::kLinearMap && op.operand == m ? op.outputs.size() : 0);
        });
    if (users(OpKind::kLinearMap, m) != 1 || made != values.size()) refuse("a layer's result is used elsewhere too");
    for (ckks::Diagonal& diagonal : body.maps[m].diagonals) diagonal = times(diagonal, share);
  }
  for (const std::uint32_t v : vectors) body.vectors[v] = times(body.vectors[v], share);
}

/// As many elements as slots, each in its own place.
Layout identity(std::size_t slots) {
  Layout layout;
  layout.element.resize(slots);
  std::iota(layout.element.begin(), layout.element.end(), 0);
  return layout;
}

/// Those of the program's operations that make a value which depends on the cut's squares.
std::vector<bool> behind(const Program& program, const Values& cut) {
  std::vector<bool> is_behind(program.values(), false);
  std::vector<bool> out;
  for (const Op& op : program.ops) {
    bool after = op.kind == OpKind::kSquare && cut.contains(op.inputs[0]);
    for (const std::uint32_t v : op.inputs) after = after || is_behind[v];
    for (const std::uint32_t v : op.outputs) is_behind[v] = after;
    out.push_back(after);
  }
  return out;
}

/// Operations with values numbered anew, in order; `number` knows the inputs.
void append(Program& program, Op op, std::map<std::uint32_t, std::uint32_t>& number) {
  for (std::uint32_t& v : op.inputs) {
    const auto known = number.find(v);
    if (known == number.end()) refuse("a layer behind the last squares reads a value before them");
    v = known->second;
  }
  for (std::uint32_t& v : op.outputs) {
    const auto next = static_cast<std::uint32_t>(number.size());
    number.emplace(v, next);
    v = next;
  }
  program.ops.push_back(std::move(op));
}

/// A program of the same parameters with the given operations, and the weights that these use.
Program with_weights_of(const Program& program, Program half) {
  std::map<std::uint32_t, std::uint32_t> maps;
  std::map<std::uint32_t, std::uint32_t> vectors;
  for (Op& op : half.ops) {
    if (op.kind == OpKind::kLinearMap) {
      const auto [at, is_new] = maps.emplace(op.operand, static_cast<std::uint32_t>(maps.size()));
      if (is_new) half.maps.push_back(program.maps[op.operand]);
      op.operand = at->second;
    } else if (op.kind == OpKind::kAddVector) {
      const auto [at, is_new] = vectors.emplace(op.operand, static_cast<std::uint32_t>(vectors.size()));
      if (is_new) half.vectors.push_back(program.vectors[op.operand]);
      op.operand = at->second;
    }
  }
  half.keys = required_keys(half);
  validate(half);
  return half;
}

}  // namespace

Halves halve(const Program& program, double share) {
  if (!(share > 0 && share <= 1)) refuse("a share of " + std::to_string(share) + " is not above 0 and at most 1");
  if (!program.parameters.smaller.empty()) refuse("it goes on in smaller rings: compile it with --no-ring-switching");
  validate(program);
  const std::vector<std::uint32_t> cut = squared_last(program);
  const auto is_behind = behind(program, {cut.begin(), cut.end()});
  const auto maker = makers(program);
  Halves halves;
  Program& body = halves.body;
  Program& head = halves.head;
  for (Program* half : {&body, &head}) half->parameters = program.parameters;
  const Op* joint = maker[cut[0]];
  if (joint == nullptr) refuse("it squares its input only");
  body.input_level = program.input_level;
  body.input_scale = program.input_scale;
  body.input = program.input;
  body.input_elements = program.input_elements;
  head.input_level = joint->level;
  head.input_scale = joint->scale;
  head.output = program.output;
  head.output_elements = program.output_elements;
  body.output = head.input = identity(cut.size() * program.slots());
  body.output_elements = head.input_elements = cut.size() * program.slots();

  std::map<std::uint32_t, std::uint32_t> before;
  std::map<std::uint32_t, std::uint32_t> after;
  for (std::uint32_t i = 0; i < program.input_ciphertexts(); ++i) before.emplace(i, i);
  for (std::uint32_t i = 0; i < cut.size(); ++i) after.emplace(cut[i], i);
  for (std::size_t i = 0; i < program.ops.size(); ++i) {
    if (is_behind[i]) {
      append(head, program.ops[i], after);
    } else {
      append(body, program.ops[i], before);
    }
  }
  for (const std::uint32_t v : cut) {
    if (maker[v]->level != joint->level) refuse("what it squares last is at different levels");
    body.results.push_back(before.at(v));
  }
  for (const std::uint32_t v : program.results) {
    if (!after.contains(v)) refuse("a result doesn't come from the last squares");
    head.results.push_back(after.at(v));
  }
  body = with_weights_of(program, std::move(body));
  head = with_weights_of(program, std::move(head));
  scale(body, body.results, share);
  return halves;
}

}  // namespace blindsight::compiler
