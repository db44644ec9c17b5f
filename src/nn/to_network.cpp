// to_network: roots that are squared become stages, and every stage reads earlier stages only.
//
// A root that became a stage has the value y = r + s, s being half of b/a where the square is completed. A form over it
// is then a·y² + (b - 2·a·s)·y + (c + a·s² - b·s), whose middle term vanishes where the form is the one that chose s.
#include <algorithm>
#include <cmath>
#include <utility>

#include "blindsight/base/error.h"
#include "blindsight/nn/forms.h"
#include "blindsight/nn/network.h"
#include "blindsight/nn/sparse.h"

namespace blindsight::nn {
namespace {

/// Two linear layers are merged unless the product would have more than this many times their nonzeros together, plus
/// a free allowance, or take too long; otherwise the inner one becomes a stage.
constexpr std::size_t kMergedGrowth = 4;
constexpr std::size_t kMergedAllowance = 1'000'000;
constexpr std::size_t kMergedCost = std::size_t{1} << 33;

/// All stages together hold at most this many nonzeros.
constexpr std::size_t kMaxNetworkNonzeros = std::size_t{1} << 28;

/// Smaller remainders of b - 2·a·s, relative to b, are rounding.
constexpr double kRounding = 1e-13;

/// How far a root is: not yet built; sums of layers of earlier values; or a value of its own.
struct RootState {
  std::size_t uses = 0;  ///< summands still to come that read it
  bool squared = false;
  Values shift;  ///< s; empty where no square is completed
  NodeSet nodes;
  std::vector<StageTerm> terms;  ///< while it is no value
  Values bias;
  std::optional<std::size_t> value;
};

/// A form over a value: factors of its square (empty for none), of itself, and a constant.
struct Expansion {
  Values squared, linear, constant;
};

bool all_zero(const Values& values) {
  return std::all_of(values.begin(), values.end(), [](double value) { return value == 0; });
}

bool all_one(const Values& values) {
  return std::all_of(values.begin(), values.end(), [](double value) { return value == 1; });
}

bool all_finite(const Values& values) {
  return std::all_of(values.begin(), values.end(), [](double value) { return std::isfinite(value); });
}

Expansion expand(const Form& form, const Values& shift) {
  Expansion result{form.a, form.b, form.c};
  if (shift.empty()) return result;
  for (std::size_t i = 0; i < form.size(); ++i) {
    const double s = shift[i];
    const double a = form.quadratic() ? form.a[i] : 0;
    const double rest = form.b[i] - 2 * a * s;
    result.linear[i] = std::abs(rest) <= kRounding * std::abs(form.b[i]) ? 0 : rest;
    result.constant[i] = form.c[i] + s * (a * s - form.b[i]);
  }
  return result;
}

/// Adds the term to those of a vector, merging it with the one that reads the same.
void add_term(std::vector<StageTerm>& terms, StageTerm term) {
  if (term.matrix.nonzeros() == 0) return;
  for (StageTerm& present : terms) {
    if (present.value != term.value || present.squared != term.squared) continue;
    present.matrix = sum(present.matrix, term.matrix);
    return;
  }
  terms.push_back(std::move(term));
}

class NetworkBuilder {
 public:
  NetworkBuilder(const Graph& graph, const NetworkOptions& options)
      : graph_(graph), options_(options), roots_(find_roots(graph)), states_(roots_.size()) {}

  QuadraticNetwork build() {
    network_.input_shape = graph_.input_shape;
    network_.softmax_output = graph_.softmax_output;
    states_[0].value = 0;
    find_needed();
    for (std::size_t i = 1; i < roots_.size(); ++i) {
      if (states_[i].uses == 0) continue;
      for (const Summand& summand : roots_[i].summands) add_summand(i, summand);
      if (states_[i].squared) make_stage(i);
    }
    finish();
    return std::move(network_);
  }

 private:
  void find_needed();
  void choose_shift(const Form& form);
  void add_summand(std::size_t target, const Summand& summand);
  void add_value(RootState& target, const Summand& summand, const std::optional<LinearLayer>& layer,
                 Values& constant) const;
  bool add_merged(RootState& target, const Summand& summand, const std::optional<LinearLayer>& layer);
  LinearLayer layer_of(const Summand& summand) const;
  void make_stage(std::size_t root);
  void finish();
  void drop_unread();

  const Graph& graph_;
  const NetworkOptions& options_;
  std::vector<Root> roots_;
  std::vector<RootState> states_;
  QuadraticNetwork network_;
  std::size_t nonzeros_ = 0;
};

/// Counts the uses of every root that the output needs, and finds out which are squared.
void NetworkBuilder::find_needed() {
  states_.back().uses = 1;
  for (std::size_t i = roots_.size(); i-- > 1;) {
    states_[i].nodes = roots_[i].nodes;
    if (states_[i].uses == 0) continue;
    for (const Summand& summand : roots_[i].summands) ++states_[summand.form->root].uses;
  }
  for (std::size_t i = 1; i < roots_.size(); ++i) {
    if (states_[i].uses == 0) continue;
    for (const Summand& summand : roots_[i].summands) {
      if (summand.form->quadratic()) choose_shift(*summand.form);
    }
  }
}

/// The first quadratic form over a root whose square can be completed at an element decides about that element.
void NetworkBuilder::choose_shift(const Form& form) {
  RootState& state = states_[form.root];
  if (!state.squared) state.nodes = form.before;
  state.squared = true;
  if (state.value) return;
  state.shift.resize(form.size());
  for (std::size_t i = 0; i < form.size(); ++i) {
    if (state.shift[i] != 0 || form.a[i] == 0) continue;
    const double shift = form.b[i] / (2 * form.a[i]);
    if (std::abs(shift) * form.unit[i] <= options_.largest_shift) state.shift[i] = shift;
  }
}

LinearLayer NetworkBuilder::layer_of(const Summand& summand) const {
  const Node& node = graph_.nodes[*summand.node];
  const Shape& in = graph_.shape_of(node.inputs[summand.argument]);
  return to_linear(node.operation, summand.argument, in, node.shape);
}

/// target += layer(form).
void NetworkBuilder::add_summand(std::size_t target_root, const Summand& summand) try {
  RootState& target = states_[target_root];
  RootState& source = states_[summand.form->root];
  std::optional<LinearLayer> layer;
  if (summand.node) layer = layer_of(summand);
  Values constant;
  if (source.value) {
    add_value(target, summand, layer, constant);
  } else if (!source.terms.empty()) {
    if (!add_merged(target, summand, layer)) {
      make_stage(summand.form->root);
      add_value(target, summand, layer, constant);
    }
  }
  if (!source.value) {
    // Affine in the root, or a root that is constant.
    const Form& form = *summand.form;
    constant = form.c;
    for (std::size_t i = 0; i < form.size(); ++i) {
      const double r = source.bias[i];
      constant[i] += r * (form.b[i] + (form.quadratic() ? form.a[i] * r : 0));
    }
  }
  if (layer) {
    add_product(layer->matrix, constant, layer->bias);
    constant = std::move(layer->bias);
  }
  target.bias.resize(constant.size());
  for (std::size_t i = 0; i < constant.size(); ++i) target.bias[i] += constant[i];
  if (--source.uses == 0) {
    std::vector<StageTerm>().swap(source.terms);
    Values().swap(source.bias);
  }
} catch (const UnsupportedModel& error) {
  if (!summand.node) throw;
  throw UnsupportedModel(label(graph_.nodes[*summand.node]) + ": " + error.what());
}

/// Terms that read a value; `constant` becomes the rest of the form.
void NetworkBuilder::add_value(RootState& target, const Summand& summand, const std::optional<LinearLayer>& layer,
                               Values& constant) const {
  const RootState& source = states_[summand.form->root];
  Expansion expansion = expand(*summand.form, source.shift);
  for (const bool squared : {true, false}) {
    const Values& factors = squared ? expansion.squared : expansion.linear;
    if (all_zero(factors)) continue;
    SparseMatrix matrix = layer ? layer->matrix : identity_matrix(factors.size());
    if (!all_one(factors)) scale_columns(matrix, factors);
    add_term(target.terms, {*source.value, squared, std::move(matrix)});
  }
  constant = std::move(expansion.constant);
}

/// Terms that read what the source reads; false, and nothing done, where merging would not pay.
bool NetworkBuilder::add_merged(RootState& target, const Summand& summand, const std::optional<LinearLayer>& layer) {
  RootState& source = states_[summand.form->root];
  const Values& factors = summand.form->b;
  std::vector<StageTerm> merged;
  if (layer) {
    std::size_t nonzeros = layer->matrix.nonzeros();
    std::size_t cost = 0;
    for (const StageTerm& term : source.terms) {
      nonzeros += term.matrix.nonzeros();
      cost += product_cost(layer->matrix, term.matrix);
    }
    if (cost > kMergedCost) return false;
    std::size_t limit = std::min(kMaxNonzeros, kMergedGrowth * nonzeros + kMergedAllowance);
    SparseMatrix outer = layer->matrix;
    if (!all_one(factors)) scale_columns(outer, factors);
    for (const StageTerm& term : source.terms) {
      std::optional<SparseMatrix> matrix = product(outer, term.matrix, limit);
      if (!matrix) return false;
      limit -= matrix->nonzeros();
      merged.push_back({term.value, term.squared, std::move(*matrix)});
    }
  } else {
    merged = source.uses == 1 ? std::move(source.terms) : source.terms;
    for (StageTerm& term : merged) {
      if (!all_one(factors)) scale_rows(term.matrix, factors);
    }
  }
  for (StageTerm& term : merged) add_term(target.terms, std::move(term));
  return true;
}

/// The root, plus its shift, becomes a value, unless it is constant.
void NetworkBuilder::make_stage(std::size_t root) {
  RootState& state = states_[root];
  if (state.terms.empty()) return;
  Stage stage{join_names(graph_, state.nodes), roots_[root].shape, std::move(state.terms), std::move(state.bias)};
  state.terms.clear();
  if (stage.shape.size() != 1 && stage.shape.size() != 3) stage.shape = {element_count(stage.shape)};
  for (std::size_t i = 0; i < state.shift.size(); ++i) stage.bias[i] += state.shift[i];
  bool finite = all_finite(stage.bias);
  for (StageTerm& term : stage.terms) {
    finite = finite && all_finite(term.matrix.value);
    nonzeros_ += term.matrix.nonzeros();
    term.matrix.value.shrink_to_fit();
    term.matrix.col.shrink_to_fit();
  }
  if (!finite) {
    throw UnsupportedModel("layer '" + stage.name + "': its merged weights overflow; rescale the weights");
  }
  if (nonzeros_ > kMaxNetworkNonzeros) {
    throw UnsupportedModel("layer '" + stage.name + "': up to here the network has " + std::to_string(nonzeros_) +
                           " nonzero weights, more than " + std::to_string(kMaxNetworkNonzeros) +
                           "; use smaller or fewer layers");
  }
  std::sort(stage.terms.begin(), stage.terms.end(), [](const StageTerm& x, const StageTerm& y) {
    return std::pair(x.value, !x.squared) < std::pair(y.value, !y.squared);
  });
  network_.stages.push_back(std::move(stage));
  state.value = network_.stages.size();
}

void NetworkBuilder::finish() {
  make_stage(roots_.size() - 1);
  if (!states_.back().value) {
    throw UnsupportedModel("the network's output is the same for every image; check its weights for zeros");
  }
  drop_unread();
}

/// Factors of zero may have left stages that nothing reads.
void NetworkBuilder::drop_unread() {
  std::vector<Stage>& stages = network_.stages;
  std::vector<char> read(stages.size() + 1, 0);
  read.back() = 1;
  for (std::size_t k = stages.size(); k > 0; --k) {
    if (!read[k]) continue;
    for (const StageTerm& term : stages[k - 1].terms) read[term.value] = 1;
  }
  std::vector<std::size_t> number(stages.size() + 1, 0);
  std::vector<Stage> kept;
  for (std::size_t k = 1; k <= stages.size(); ++k) {
    if (!read[k]) continue;
    for (StageTerm& term : stages[k - 1].terms) term.value = number[term.value];
    kept.push_back(std::move(stages[k - 1]));
    number[k] = kept.size();
  }
  stages = std::move(kept);
}

}  // namespace

QuadraticNetwork to_network(const Graph& graph, const NetworkOptions& options) {
  return NetworkBuilder(graph, options).build();
}

}  // namespace blindsight::nn
