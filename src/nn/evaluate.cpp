#include "blindsight/nn/evaluate.h"

#include <algorithm>

#include "blindsight/base/error.h"
#include "blindsight/nn/convolve.h"
#include "blindsight/nn/windows.h"

namespace blindsight::nn {
namespace {

using Values = std::vector<double>;

/// What an operation sees: its arguments and the shapes around it.
struct Call {
  const std::vector<const Values*>& arguments;
  const Shape& in_shape;
  const Shape& out_shape;

  const Values& x() const { return *arguments[0]; }
};

Values run(const Conv& conv, const Call& call) { return convolve(conv, call.x(), call.in_shape, call.out_shape); }

Values run(const Dense& dense, const Call& call) {
  Values y = dense.bias;
  const double* weight = dense.weight.data.data();
  for (double& sum : y) {
    for (const double x : call.x()) sum += *weight++ * x;
  }
  return y;
}

Values run(const Add&, const Call& call) {
  Values y = call.x();
  std::transform(y.begin(), y.end(), call.arguments[1]->begin(), y.begin(), std::plus<>());
  return y;
}

template <typename F>
Values with_constant(const Values& constant, const Call& call, F&& f) {
  Values y = call.x();
  const std::size_t run_length = y.size() / constant.size();
  for (std::size_t k = 0; k < constant.size(); ++k) {
    for (std::size_t i = k * run_length; i < (k + 1) * run_length; ++i) y[i] = f(y[i], constant[k]);
  }
  return y;
}

Values run(const AddConst& add, const Call& call) { return with_constant(add.value, call, std::plus<>()); }

Values run(const MulConst& mul, const Call& call) { return with_constant(mul.value, call, std::multiplies<>()); }

Values run(const Square&, const Call& call) {
  Values y = call.x();
  for (double& value : y) value *= value;
  return y;
}

Values run(const Product&, const Call& call) {
  Values y = call.x();
  std::transform(y.begin(), y.end(), call.arguments[1]->begin(), y.begin(), std::multiplies<>());
  return y;
}

Values run(const AveragePool& pool, const Call& call) {
  Values y;
  y.reserve(element_count(call.out_shape));
  const std::int64_t height = call.in_shape[1];
  const std::int64_t width = call.in_shape[2];
  for (std::int64_t channel = 0; channel < call.in_shape[0]; ++channel) {
    const double* x = call.x().data() + channel * height * width;
    for (std::int64_t r = 0; r < call.out_shape[1]; ++r) {
      const Window rows = make_window(pool, 0, r, height);
      for (std::int64_t c = 0; c < call.out_shape[2]; ++c) {
        const Window cols = make_window(pool, 1, c, width);
        double sum = 0;
        for (std::int64_t i = rows.first; i < rows.last; ++i) {
          for (std::int64_t j = cols.first; j < cols.last; ++j) sum += x[i * width + j];
        }
        y.push_back(sum / static_cast<double>(rows.divisor * cols.divisor));
      }
    }
  }
  return y;
}

Values run(const GlobalAveragePool&, const Call& call) {
  const std::int64_t plane = call.in_shape[1] * call.in_shape[2];
  Values y(call.in_shape[0]);
  const double* x = call.x().data();
  for (double& mean : y) {
    for (std::int64_t i = 0; i < plane; ++i) mean += *x++;
    mean /= static_cast<double>(plane);
  }
  return y;
}

Values run(const Reshape&, const Call& call) { return call.x(); }

Values run(const Gather& gather, const Call& call) {
  Values y;
  y.reserve(gather.sources.size());
  for (const Gather::Source& source : gather.sources) {
    y.push_back(source.input == Gather::kConstant ? gather.constants[source.index]
                                                  : (*call.arguments[source.input])[source.index]);
  }
  return y;
}

}  // namespace

Tensor evaluate(const Graph& graph, const Tensor& input) {
  if (input.shape != graph.input_shape || static_cast<std::int64_t>(input.data.size()) != element_count(input.shape)) {
    throw InvalidArgument("the network takes an image of " + to_string(graph.input_shape) + ", not " +
                          to_string(input.shape) + " with " + std::to_string(input.data.size()) + " values");
  }
  const std::vector<std::size_t> last = last_readers(graph);
  std::vector<Values> values(graph.nodes.size() + 1);
  values[0] = input.data;
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    const Node& node = graph.nodes[i];
    std::vector<const Values*> arguments;
    for (const std::size_t tensor : node.inputs) arguments.push_back(&values[tensor]);
    const Call call{arguments, graph.shape_of(node.inputs[0]), node.shape};
    values[i + 1] = std::visit([&](const auto& operation) { return run(operation, call); }, node.operation);
    for (const std::size_t tensor : node.inputs) {
      if (last[tensor] == i + 1) Values().swap(values[tensor]);
    }
  }
  return {graph.shape_of(graph.output()), std::move(values[graph.output()])};
}

}  // namespace blindsight::nn
