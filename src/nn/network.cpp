#include "blindsight/nn/network.h"

#include <algorithm>
#include <ostream>

#include "blindsight/base/error.h"

namespace blindsight::nn {

std::vector<unsigned> QuadraticNetwork::depths() const {
  std::vector<unsigned> depths(stages.size() + 1, 0);
  for (std::size_t k = 1; k <= stages.size(); ++k) {
    for (const StageTerm& term : stages[k - 1].terms) depths[k] = std::max(depths[k], depths[term.value] + 1);
  }
  return depths;
}

unsigned QuadraticNetwork::depth() const { return depths().back(); }

void add_product(const SparseMatrix& matrix, std::span<const double> x, std::span<double> y) {
  if (x.size() != matrix.cols || y.size() != matrix.rows) {
    throw InvalidArgument("a matrix of " + std::to_string(matrix.rows) + " x " + std::to_string(matrix.cols) +
                          " can't turn " + std::to_string(x.size()) + " values into " + std::to_string(y.size()));
  }
  for (std::size_t r = 0; r < matrix.rows; ++r) {
    double sum = 0;
    for (std::size_t k = matrix.row_begin[r]; k < matrix.row_begin[r + 1]; ++k) {
      sum += matrix.value[k] * x[matrix.col[k]];
    }
    y[r] += sum;
  }
}

std::vector<std::vector<double>> evaluate_stages(const QuadraticNetwork& network, std::span<const double> input) {
  if (static_cast<std::int64_t>(input.size()) != element_count(network.input_shape)) {
    throw InvalidArgument("the network takes an image of " + to_string(network.input_shape) + ", not " +
                          std::to_string(input.size()) + " values");
  }
  std::vector<std::vector<double>> values;
  values.reserve(network.stages.size());
  std::vector<double> squares;
  for (const Stage& stage : network.stages) {
    std::vector<double> y = stage.bias;
    for (const StageTerm& term : stage.terms) {
      const std::span<const double> x = term.value == 0 ? input : std::span<const double>(values[term.value - 1]);
      if (term.squared) {
        squares.assign(x.begin(), x.end());
        for (double& value : squares) value *= value;
      }
      add_product(term.matrix, term.squared ? std::span<const double>(squares) : x, y);
    }
    values.push_back(std::move(y));
  }
  return values;
}

std::ostream& operator<<(std::ostream& out, const QuadraticNetwork& network) {
  out << "network of depth " << network.depth() << "\n  %0 = input : " << to_string(network.input_shape) << "\n";
  for (std::size_t k = 0; k < network.stages.size(); ++k) {
    const Stage& stage = network.stages[k];
    out << "  %" << k + 1 << " = ";
    for (std::size_t t = 0; t < stage.terms.size(); ++t) {
      const StageTerm& term = stage.terms[t];
      out << (t ? " + " : "") << "[" << term.matrix.nonzeros() << " nonzeros]·%" << term.value
          << (term.squared ? "²" : "");
    }
    out << " : " << to_string(stage.shape) << "  # " << stage.name << "\n";
  }
  out << "  output = " << (network.softmax_output ? "softmax " : "") << "%" << network.stages.size() << "\n";
  return out;
}

}  // namespace blindsight::nn
