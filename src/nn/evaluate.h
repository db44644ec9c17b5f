// The exact clear evaluator: what every encrypted result is measured against.
#pragma once

#include "blindsight/nn/graph.h"
#include "blindsight/nn/tensor.h"

namespace blindsight::nn {

/// The network's output (logits: without a final softmax) in double precision, with a fixed order of summation.
/// Throws InvalidArgument unless the input has the graph's input shape.
Tensor evaluate(const Graph& graph, const Tensor& input);

}  // namespace blindsight::nn
