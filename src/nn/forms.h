// Every tensor of a graph as a quadratic a·r² + b·r + c, element by element, over a root r. Private to the room.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "blindsight/nn/graph.h"

namespace blindsight::nn {

using Values = std::vector<double>;

/// Numbers of the graph's nodes that took part in something, ascending.
using NodeSet = std::vector<std::uint32_t>;

/// One tensor. `a` is empty where it is affine in the root; b and c have one value an element.
struct Form {
  std::size_t root = 0;
  Values a, b, c;
  Values unit;     ///< with `a`: how much the tensor that was squared changes with the root, in absolute value
  NodeSet before;  ///< nodes merged up to the square
  NodeSet after;   ///< and behind it

  bool quadratic() const { return !a.empty(); }
  std::size_t size() const { return b.size(); }
};

/// A linear layer of one form: argument number `argument` of node number `node`, or the form itself where there is
/// none.
struct Summand {
  std::optional<std::size_t> node;
  std::size_t argument = 0;
  std::shared_ptr<const Form> form;
};

/// A vector of its own: the sum of linear layers of forms over earlier roots. Root 0 is the network's input and has no
/// summands.
struct Root {
  Shape shape;
  NodeSet nodes;
  std::vector<Summand> summands;
};

/// The roots in topological order; the last is the network's output.
std::vector<Root> find_roots(const Graph& graph);

/// The nodes' names joined with '+', a node's own several parts once; "identity" for none.
std::string join_names(const Graph& graph, const NodeSet& nodes);

/// "node 'conv1' (Conv)".
std::string label(const Node& node);

}  // namespace blindsight::nn
