#include "blindsight/nn/graph.h"

#include <ostream>
#include <sstream>

namespace blindsight::nn {
namespace {

template <typename... F>
struct Overloaded : F... {
  using F::operator()...;
};

std::string pair_text(const Pair& pair) { return std::to_string(pair[0]) + "x" + std::to_string(pair[1]); }

std::string pads_text(const Pads& pads) {
  std::string text;
  for (const std::int64_t pad : pads) text += (text.empty() ? "" : ",") + std::to_string(pad);
  return text;
}

std::string details(const Conv& conv) {
  std::string text = "weight " + to_string(conv.weight.shape) + ", strides " + pair_text(conv.strides) + ", pads " +
                     pads_text(conv.pads);
  if (conv.dilations != Pair{1, 1}) text += ", dilations " + pair_text(conv.dilations);
  if (conv.groups != 1) text += ", groups " + std::to_string(conv.groups);
  return text;
}

std::string details(const Dense& dense) { return "weight " + to_string(dense.weight.shape); }

std::string details(const AveragePool& pool) {
  std::string text =
      "kernel " + pair_text(pool.kernel) + ", strides " + pair_text(pool.strides) + ", pads " + pads_text(pool.pads);
  if (pool.count_include_pad) text += ", padding counted";
  return text;
}

std::string details(const AddConst& add) { return std::to_string(add.value.size()) + " values"; }
std::string details(const MulConst& mul) { return std::to_string(mul.value.size()) + " values"; }

std::string details(const Gather& gather) {
  std::size_t constants = 0;
  for (const Gather::Source& source : gather.sources) constants += source.input == Gather::kConstant;
  return constants ? std::to_string(constants) + " constant elements" : "";
}

template <typename T>
std::string details(const T&) {
  return "";
}

}  // namespace

std::vector<std::size_t> last_readers(const Graph& graph) {
  std::vector<std::size_t> last(graph.nodes.size() + 1, 0);
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    for (const std::size_t input : graph.nodes[i].inputs) last[input] = i + 1;
  }
  return last;
}

const char* kind_name(const Operation& operation) {
  return std::visit(
      Overloaded{[](const Conv&) { return "Conv"; }, [](const Dense&) { return "Dense"; },
                 [](const Add&) { return "Add"; }, [](const AddConst&) { return "AddConst"; },
                 [](const MulConst&) { return "MulConst"; }, [](const Square&) { return "Square"; },
                 [](const Product&) { return "Product"; }, [](const AveragePool&) { return "AveragePool"; },
                 [](const GlobalAveragePool&) { return "GlobalAveragePool"; }, [](const Reshape&) { return "Reshape"; },
                 [](const Gather&) { return "Gather"; }},
      operation);
}

std::ostream& operator<<(std::ostream& out, const Graph& graph) {
  out << "graph " << graph.name << "\n  %0 = input " << graph.input_name << " : " << to_string(graph.input_shape)
      << "\n";
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    const Node& node = graph.nodes[i];
    out << "  %" << i + 1 << " = " << kind_name(node.operation) << "(";
    for (std::size_t k = 0; k < node.inputs.size(); ++k) out << (k ? ", %" : "%") << node.inputs[k];
    out << ") : " << to_string(node.shape);
    const std::string text = std::visit([](const auto& operation) { return details(operation); }, node.operation);
    if (!text.empty()) out << "  [" << text << "]";
    out << "  # " << node.name << " (" << node.type << ")\n";
  }
  out << "  output " << graph.output_name << " = " << (graph.softmax_output ? "softmax " : "") << "%" << graph.output()
      << "\n";
  return out;
}

std::string to_string(const Graph& graph) {
  std::ostringstream out;
  out << graph;
  return out.str();
}

}  // namespace blindsight::nn
