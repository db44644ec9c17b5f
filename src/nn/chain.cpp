// to_chain: every tensor is followed as a·r² + b·r + c, element by element, over a `root` r that is an affine function
// of the chain's latest squares. A layer that mixes elements closes the quadratic first, by completing the square.
#include <algorithm>
#include <cmath>
#include <memory>

#include "blindsight/base/error.h"
#include "blindsight/nn/affine.h"
#include "blindsight/nn/sparse.h"

namespace blindsight::nn {
namespace {

using Values = std::vector<double>;

SparseAffine as_affine(SparseMatrix matrix, Values bias) {
  SparseAffine map;
  static_cast<SparseMatrix&>(map) = std::move(matrix);
  map.bias = std::move(bias);
  return map;
}

SparseAffine as_affine(LinearLayer layer) { return as_affine(std::move(layer.matrix), std::move(layer.bias)); }

SparseAffine identity_map(std::size_t size) { return as_affine(identity_matrix(size), Values(size)); }

SparseAffine compose(const SparseAffine& outer, const SparseAffine& inner) {
  auto matrix = product(outer, inner, kMaxNonzeros);
  if (!matrix) throw UnsupportedModel("a merged linear layer would have too many nonzero weights");
  Values bias = outer.bias;
  add_product(outer, inner.bias, bias);
  return as_affine(std::move(*matrix), std::move(bias));
}

SparseAffine sum(const SparseAffine& f, const SparseAffine& g) {
  Values bias = f.bias;
  for (std::size_t i = 0; i < bias.size(); ++i) bias[i] += g.bias[i];
  return as_affine(nn::sum(static_cast<const SparseMatrix&>(f), g), std::move(bias));
}

SparseAffine scaled(SparseAffine f, const Values& scale, const Values& shift) {
  scale_rows(f, scale);
  for (std::size_t i = 0; i < f.bias.size(); ++i) f.bias[i] = scale[i] * f.bias[i] + shift[i];
  return f;
}

/// A vector that is an affine function of stage `stage` (0: the input; s: the squares of affine map s - 1).
struct Root {
  std::size_t stage;
  SparseAffine map;
};

/// One tensor of the graph. `a` is empty where it is affine in the root; b and c have one value per element.
struct Form {
  std::shared_ptr<const Root> root;
  Values a, b, c;
  std::string before;  ///< merged names up to the square
  std::string after;   ///< and behind it

  bool quadratic() const { return !a.empty(); }
  std::size_t size() const { return b.size(); }
};

/// Joins the names of merged nodes with '+', a node's own several parts once.
std::string join(const std::string& left, const std::string& right) {
  if (left.empty() || right.empty()) return left + right;
  const bool repeated = left == right || (left.size() > right.size() && left.ends_with("+" + right));
  return repeated ? left : left + "+" + right;
}

std::string label(const Node& node) { return "node '" + node.name + "' (" + node.type + ")"; }

Form make_form(std::size_t stage, SparseAffine map, std::string name) {
  const std::size_t size = map.rows;
  Form form;
  form.root = std::make_shared<const Root>(Root{stage, std::move(map)});
  form.b.assign(size, 1);
  form.c.assign(size, 0);
  form.before = std::move(name);
  return form;
}

/// Walks the graph once and collects the chain's maps.
class ChainBuilder {
 public:
  explicit ChainBuilder(const Graph& graph) : graph_(graph), forms_(graph.nodes.size() + 1) {}

  QuadraticChain build() {
    forms_[0] = make_form(0, identity_map(element_count(graph_.input_shape)), "");
    for (std::size_t i = 0; i < graph_.nodes.size(); ++i) {
      node_ = &graph_.nodes[i];
      forms_[i + 1] = std::visit([&](const auto& operation) { return lower(operation); }, node_->operation);
    }
    finish();
    return {std::move(affine_), graph_.input_shape, graph_.softmax_output};
  }

 private:
  const Form& input(std::size_t k = 0) const { return forms_[node_->inputs[k]]; }
  const Shape& in_shape() const { return graph_.shape_of(node_->inputs[0]); }

  Form lower(const Conv& conv) { return mix(as_affine(to_linear(conv, 0, in_shape(), node_->shape))); }
  Form lower(const Dense& dense) { return mix(as_affine(to_linear(dense, 0, in_shape(), node_->shape))); }
  Form lower(const AveragePool& pool) { return mix(as_affine(to_linear(pool, 0, in_shape(), node_->shape))); }
  Form lower(const GlobalAveragePool& pool) { return mix(as_affine(to_linear(pool, 0, in_shape(), node_->shape))); }
  Form lower(const Gather&) { refuse_branch(); }
  Form lower(const Product&) { refuse_branch(); }
  Form lower(const Reshape&) { return named(input()); }
  Form lower(const AddConst& add);
  Form lower(const MulConst& mul);
  Form lower(const Square&);
  Form lower(const Add&);

  /// The form under this node's name.
  Form named(Form form) const {
    std::string& name = form.quadratic() ? form.after : form.before;
    name = join(name, node_->name);
    return form;
  }

  /// A layer that combines elements.
  Form mix(const SparseAffine& layer) {
    close(node_->inputs[0]);
    const Form& form = input();
    return make_form(form.root->stage, compose(layer, materialised(form)), join(form.before, node_->name));
  }

  SparseAffine materialised(const Form& form) const { return scaled(form.root->map, form.b, form.c); }

  void close(std::size_t tensor);
  void push(SparseAffine map, const std::string& name);
  void finish();
  [[noreturn]] void refuse_branch() const {
    throw UnsupportedModel(label(*node_) +
                           ": joins branches of different depth; residual networks come with a later release");
  }

  const Graph& graph_;
  const Node* node_ = nullptr;
  std::vector<Form> forms_;
  std::vector<SparseAffine> affine_;
};

Form ChainBuilder::lower(const AddConst& add) {
  Form form = named(input());
  const std::size_t run = form.size() / add.value.size();
  for (std::size_t i = 0; i < form.size(); ++i) form.c[i] += add.value[i / run];
  return form;
}

Form ChainBuilder::lower(const MulConst& mul) {
  Form form = named(input());
  const std::size_t run = form.size() / mul.value.size();
  for (Values* coefficients : {&form.a, &form.b, &form.c}) {
    for (std::size_t i = 0; i < coefficients->size(); ++i) (*coefficients)[i] *= mul.value[i / run];
  }
  return form;
}

Form ChainBuilder::lower(const Square&) {
  close(node_->inputs[0]);
  Form form = input();
  form.a.resize(form.size());
  for (std::size_t i = 0; i < form.size(); ++i) {
    const double b = form.b[i];
    const double c = form.c[i];
    form.a[i] = b * b;
    form.b[i] = 2 * b * c;
    form.c[i] = c * c;
  }
  return form;
}

Form ChainBuilder::lower(const Add&) {
  Form left = input(0);
  const Form& right = input(1);
  if (left.root->stage != right.root->stage) refuse_branch();
  if (left.root != right.root) {
    if (left.quadratic() || right.quadratic()) refuse_branch();
    return make_form(left.root->stage, sum(materialised(left), materialised(right)),
                     join(join(left.before, right.before), node_->name));
  }
  if (right.quadratic()) left.a.resize(left.size());
  for (std::size_t i = 0; i < right.a.size(); ++i) left.a[i] += right.a[i];
  for (std::size_t i = 0; i < right.size(); ++i) {
    left.b[i] += right.b[i];
    left.c[i] += right.c[i];
  }
  if (right.before.size() > left.before.size()) left.before = right.before;
  left.after = join(left.after, right.after);
  return named(std::move(left));
}

/// Makes the tensor affine: a·r² + b·r + c = a·(r + b/2a)² + c - b²/4a, the square being the chain's next.
void ChainBuilder::close(std::size_t tensor) {
  Form& form = forms_[tensor];
  if (!form.quadratic()) return;
  // A second quadratic over the same stage would be a branch of its own.
  if (form.root->stage != affine_.size()) refuse_branch();
  const Node& source = graph_.nodes[tensor - 1];
  const std::size_t size = form.size();
  Values shift(size), offset(size);
  for (std::size_t i = 0; i < size; ++i) {
    if (form.a[i] == 0) {
      throw UnsupportedModel(label(source) + ": the quadratic activation's x² coefficient is 0 at element " +
                             std::to_string(i) + "; make it nonzero for every element or retrain");
    }
    shift[i] = form.b[i] / (2 * form.a[i]);
    offset[i] = form.c[i] - form.b[i] * shift[i] / 2;
  }
  push(scaled(form.root->map, Values(size, 1), shift), form.before);
  Form closed = make_form(affine_.size(), identity_map(size), form.after);
  closed.b = std::move(form.a);
  closed.c = std::move(offset);
  form = std::move(closed);
}

void ChainBuilder::push(SparseAffine map, const std::string& name) {
  const auto finite = [](double value) { return std::isfinite(value); };
  map.name = name.empty() ? "identity" : name;
  if (!std::all_of(map.value.begin(), map.value.end(), finite) ||
      !std::all_of(map.bias.begin(), map.bias.end(), finite)) {
    throw UnsupportedModel("layer '" + map.name + "': its merged weights overflow; rescale the weights");
  }
  affine_.push_back(std::move(map));
}

void ChainBuilder::finish() {
  close(graph_.output());
  const Form& output = forms_[graph_.output()];
  if (output.root->stage != affine_.size()) {
    throw UnsupportedModel(
        "the network's output does not depend on its last activation; "
        "residual networks come with a later release");
  }
  push(materialised(output), output.before);
}

}  // namespace

QuadraticChain to_chain(const Graph& graph) { return ChainBuilder(graph).build(); }

}  // namespace blindsight::nn
