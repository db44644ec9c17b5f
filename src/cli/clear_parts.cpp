#include "blindsight/cli/clear_parts.h"

#include "blindsight/base/error.h"

namespace blindsight::cli {
namespace {

const nn::StageTerm& last_term(const nn::QuadraticNetwork& network) {
  const auto& terms = network.stages.back().terms;
  if (network.stages.size() < 2 || terms.size() != 1 || !terms[0].squared ||
      terms[0].value != network.stages.size() - 1) {
    throw InvalidArgument("the network can't be given an image in parts: its last layer reads more than squares");
  }
  return terms[0];
}

}  // namespace

std::vector<double> clear_parts(const nn::QuadraticNetwork& network, const runtime::Parts& parts,
                                const PartsShape& shape) {
  const nn::StageTerm& term = last_term(network);
  const std::size_t part = nn::element_count(network.input_shape) / shape.group;
  std::vector<double> mean;
  for (const Bytes& levels : parts.levels) {
    const std::vector<Bytes> copies(shape.group, levels);
    const auto tensors = runtime::group_parts(copies, shape.group, part, shape.levels);
    const auto values = nn::evaluate_stages(network, tensors.at(0));
    const std::vector<double>& last = values[values.size() - 2];
    mean.resize(last.size(), 0.0);
    for (std::size_t i = 0; i < last.size(); ++i) mean[i] += last[i] / static_cast<double>(parts.levels.size());
  }
  for (double& v : mean) v *= v;
  std::vector<double> logits = network.stages.back().bias;
  nn::add_product(term.matrix, mean, logits);
  return logits;
}

}  // namespace blindsight::cli
