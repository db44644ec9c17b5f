#include "blindsight/nn/forms.h"

#include <algorithm>
#include <cmath>
#include <iterator>

#include "blindsight/base/error.h"

namespace blindsight::nn {
namespace {

using FormPtr = std::shared_ptr<const Form>;

NodeSet united(const NodeSet& left, const NodeSet& right) {
  NodeSet both;
  std::set_union(left.begin(), left.end(), right.begin(), right.end(), std::back_inserter(both));
  return both;
}

/// Adds coefficients; either may be empty, which stands for zeros.
Values added(Values left, const Values& right) {
  if (left.empty()) return right;
  for (std::size_t i = 0; i < right.size(); ++i) left[i] += right[i];
  return left;
}

/// Walks the graph once.
class RootFinder {
 public:
  explicit RootFinder(const Graph& graph) : graph_(graph), forms_(graph.nodes.size() + 1) {}

  std::vector<Root> run() {
    roots_.push_back({graph_.input_shape, {}, {}});
    forms_[0] = std::make_shared<const Form>(form_of_last_root());
    const std::vector<std::size_t> last = last_readers(graph_);
    for (std::size_t i = 0; i < graph_.nodes.size(); ++i) {
      number_ = i;
      node_ = &graph_.nodes[i];
      Form form = std::visit([&](const auto& operation) { return follow(operation); }, node_->operation);
      simplify(form);
      forms_[i + 1] = std::make_shared<const Form>(std::move(form));
      for (const std::size_t tensor : node_->inputs) {
        if (last[tensor] == i + 1) forms_[tensor].reset();
      }
    }
    const FormPtr& output = forms_[graph_.output()];
    add_root(graph_.shape_of(graph_.output()), merged_nodes(*output), {{std::nullopt, 0, output}});
    return std::move(roots_);
  }

 private:
  const FormPtr& input(std::size_t k = 0) const { return forms_[node_->inputs[k]]; }

  void add_root(Shape shape, NodeSet nodes, std::vector<Summand> summands) {
    roots_.push_back({std::move(shape), std::move(nodes), std::move(summands)});
  }

  /// The last root as it is.
  Form form_of_last_root() const {
    Form form;
    form.root = roots_.size() - 1;
    form.b.assign(element_count(roots_.back().shape), 1);
    form.c.assign(form.size(), 0);
    form.before = roots_.back().nodes;
    return form;
  }

  /// The nodes that a stage reading the form takes over from it.
  static const NodeSet& merged_nodes(const Form& form) { return form.quadratic() ? form.after : form.before; }

  NodeSet with_this_node(const NodeSet& nodes) const { return united(nodes, {static_cast<std::uint32_t>(number_)}); }

  Form renamed(Form form) const {
    NodeSet& nodes = form.quadratic() ? form.after : form.before;
    nodes = with_this_node(nodes);
    return form;
  }

  /// An activation whose square vanishes everywhere is affine.
  static void simplify(Form& form) {
    if (!std::all_of(form.a.begin(), form.a.end(), [](double a) { return a == 0; })) return;
    form.a.clear();
    form.unit.clear();
    form.before = united(form.before, form.after);
    form.after.clear();
  }

  /// A layer that combines elements, of one tensor or of several.
  template <typename T>
  Form follow(const T&) {
    std::vector<Summand> summands;
    NodeSet nodes;
    for (std::size_t k = 0; k < node_->inputs.size(); ++k) {
      summands.push_back({number_, k, input(k)});
      nodes = united(nodes, merged_nodes(*input(k)));
    }
    add_root(node_->shape, with_this_node(nodes), std::move(summands));
    return form_of_last_root();
  }

  Form follow(const Reshape&) { return renamed(*input()); }
  Form follow(const AddConst& add);
  Form follow(const MulConst& mul);
  Form follow(const Square&);
  Form follow(const Product&);
  Form follow(const Add&);
  Form sum_of_branches();

  const Graph& graph_;
  std::size_t number_ = 0;
  const Node* node_ = nullptr;
  std::vector<FormPtr> forms_;
  std::vector<Root> roots_;
};

Form RootFinder::follow(const AddConst& add) {
  Form form = renamed(*input());
  const std::size_t run = form.size() / add.value.size();
  for (std::size_t i = 0; i < form.size(); ++i) form.c[i] += add.value[i / run];
  return form;
}

Form RootFinder::follow(const MulConst& mul) {
  Form form = renamed(*input());
  const std::size_t run = form.size() / mul.value.size();
  for (Values* coefficients : {&form.a, &form.b, &form.c}) {
    for (std::size_t i = 0; i < coefficients->size(); ++i) (*coefficients)[i] *= mul.value[i / run];
  }
  return form;
}

Form RootFinder::follow(const Square&) {
  Form form = *input();
  if (form.quadratic()) {
    add_root(graph_.shape_of(node_->inputs[0]), form.after, {{std::nullopt, 0, input()}});
    form = form_of_last_root();
  }
  form.a.resize(form.size());
  form.unit.resize(form.size());
  for (std::size_t i = 0; i < form.size(); ++i) {
    const double b = form.b[i];
    const double c = form.c[i];
    form.unit[i] = std::abs(b);
    form.a[i] = b * b;
    form.b[i] = 2 * b * c;
    form.c[i] = c * c;
  }
  return form;
}

Form RootFinder::follow(const Product&) {
  // The tensor that was there first is the activation's input, the other one was made from it.
  const bool ordered = node_->inputs[0] < node_->inputs[1];
  const Form& x = *input(ordered ? 0 : 1);
  const Form& y = *input(ordered ? 1 : 0);
  if (x.root != y.root || x.quadratic() || y.quadratic()) {
    throw UnsupportedModel(label(*node_) + ": multiplies two tensors that aren't affine functions of the same one");
  }
  Form form = x;
  form.before = united(x.before, y.before);
  form.a.resize(form.size());
  form.unit.resize(form.size());
  for (std::size_t i = 0; i < form.size(); ++i) {
    form.unit[i] = std::abs(x.b[i]);
    form.a[i] = x.b[i] * y.b[i];
    form.b[i] = x.b[i] * y.c[i] + x.c[i] * y.b[i];
    form.c[i] = x.c[i] * y.c[i];
  }
  return form;
}

Form RootFinder::follow(const Add&) {
  const Form& right = *input(1);
  if (input(0)->root != right.root) return sum_of_branches();
  Form form = *input(0);
  form.a = added(std::move(form.a), right.a);
  form.b = added(std::move(form.b), right.b);
  form.c = added(std::move(form.c), right.c);
  form.unit.resize(form.a.size());
  for (std::size_t i = 0; i < right.unit.size(); ++i) form.unit[i] = std::max(form.unit[i], right.unit[i]);
  form.before = united(form.before, right.before);
  form.after = united(form.after, right.after);
  return renamed(std::move(form));
}

Form RootFinder::sum_of_branches() {
  const NodeSet nodes = united(merged_nodes(*input(0)), merged_nodes(*input(1)));
  add_root(node_->shape, with_this_node(nodes), {{std::nullopt, 0, input(0)}, {std::nullopt, 0, input(1)}});
  return form_of_last_root();
}

}  // namespace

std::vector<Root> find_roots(const Graph& graph) { return RootFinder(graph).run(); }

std::string join_names(const Graph& graph, const NodeSet& nodes) {
  // Where layers with weights or windows are among them, those say enough.
  const auto weighs = [&](std::uint32_t number) {
    const Operation& operation = graph.nodes[number].operation;
    return std::holds_alternative<Conv>(operation) || std::holds_alternative<Dense>(operation) ||
           std::holds_alternative<AveragePool>(operation) || std::holds_alternative<GlobalAveragePool>(operation);
  };
  const bool any = std::any_of(nodes.begin(), nodes.end(), weighs);
  std::string text;
  const std::string* previous = nullptr;
  for (const std::uint32_t number : nodes) {
    const std::string& name = graph.nodes[number].name;
    if ((any && !weighs(number)) || (previous && *previous == name)) continue;
    if (previous) text += '+';
    text += name;
    previous = &name;
  }
  return nodes.empty() ? "identity" : text;
}

std::string label(const Node& node) { return "node '" + node.name + "' (" + node.type + ")"; }

}  // namespace blindsight::nn
