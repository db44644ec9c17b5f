#include "blindsight/nn/onnx_model.h"

#include <onnx/checker.h>
#include <onnx/shape_inference/implementation.h>

#include <algorithm>
#include <exception>
#include <map>

#include "blindsight/base/error.h"
#include "blindsight/nn/import.h"
#include "blindsight/nn/onnx_hints.h"

namespace blindsight::nn {
namespace {

constexpr std::int64_t kNewestCheckedOpset = 17;
constexpr std::int64_t kNewestCheckedIr = 8;
constexpr int kMaxRank = 8;

bool is_default_domain(const std::string& domain) { return domain.empty() || domain == "ai.onnx"; }

void refuse_external(const onnx::TensorProto& tensor) {
  if (tensor.data_location() == onnx::TensorProto::EXTERNAL || tensor.external_data_size() > 0) {
    throw UnsupportedModel("tensor '" + printable(tensor.name()) +
                           "' keeps its data in another file; save the model with its weights inside");
  }
  if (tensor.dims_size() > kMaxRank) {
    throw FormatError("tensor '" + printable(tensor.name()) + "' has " + std::to_string(tensor.dims_size()) + " axes");
  }
}

void check_attributes(const onnx::NodeProto& node) {
  for (const onnx::AttributeProto& attribute : node.attribute()) {
    if (attribute.has_g() || attribute.graphs_size() > 0 || attribute.tensors_size() > 0 ||
        attribute.has_sparse_tensor() || attribute.sparse_tensors_size() > 0 || attribute.has_tp() ||
        attribute.type_protos_size() > 0 || attribute.has_ref_attr_name()) {
      throw UnsupportedModel(label(node) + ": attribute '" + printable(attribute.name()) +
                             "' holds a subgraph, sparse tensor or type; export a plain feed-forward graph");
    }
    if (attribute.has_t()) refuse_external(attribute.t());
  }
}

void check_operators(const onnx::GraphProto& graph) {
  for (const onnx::NodeProto& node : graph.node()) {
    if (!is_default_domain(node.domain())) {
      throw UnsupportedModel(label(node) + ": operators of domain '" + printable(node.domain()) +
                             "' can't be evaluated; " + operator_hint(node.op_type()));
    }
    if (!is_known_operator(node.op_type())) {
      throw UnsupportedModel(label(node) + " can't be evaluated on ciphertexts: " + operator_hint(node.op_type()));
    }
    check_attributes(node);
  }
  for (const onnx::TensorProto& tensor : graph.initializer()) refuse_external(tensor);
  if (graph.sparse_initializer_size() > 0) throw UnsupportedModel("sparse initializers; save the weights as dense");
}

void drop_decorations(onnx::ModelProto& model) {
  model.clear_functions();
  model.clear_training_info();
  model.clear_metadata_props();
  model.clear_doc_string();
  model.mutable_graph()->clear_value_info();
  model.mutable_graph()->clear_quantization_annotation();
}

/// The operator sets of other domains bear on nothing here: no node uses them.
void keep_default_opset(onnx::ModelProto& model, const std::string& name) {
  std::int64_t version = 0;
  for (const auto& opset : model.opset_import()) {
    if (is_default_domain(opset.domain())) version = opset.version();
  }
  if (version < 9 || version > 18) {
    throw UnsupportedModel(name + ": opset " + std::to_string(version) +
                           " isn't supported; export with opset 9 to 18 (17 is a good choice)");
  }
  model.clear_opset_import();
  auto* opset = model.add_opset_import();
  opset->set_domain("");
  opset->set_version(version);
}

/// Opset 18 turned ReduceMean's attribute `axes` into an input; turns it back where it is a constant.
void lower_reduce_mean(onnx::GraphProto& graph) {
  std::map<std::string, const onnx::TensorProto*> constants;
  for (const onnx::TensorProto& tensor : graph.initializer()) constants[tensor.name()] = &tensor;
  for (const onnx::NodeProto& node : graph.node()) {
    if (node.op_type() != "Constant" || node.output_size() != 1 || node.attribute_size() != 1) continue;
    if (node.attribute(0).has_t()) constants[node.output(0)] = &node.attribute(0).t();
  }
  for (onnx::NodeProto& node : *graph.mutable_node()) {
    if (node.op_type() != "ReduceMean" || node.input_size() < 2) continue;
    const auto found = constants.find(node.input(1));
    if (found == constants.end() || found->second->data_type() != onnx::TensorProto::INT64 ||
        (found->second->raw_data().size() != 16 && found->second->int64_data_size() != 2)) {
      throw UnsupportedModel(label(node) + ": axes must be the constant [2, 3] (mean over height and width)");
    }
    const onnx::TensorProto& axes = *found->second;
    onnx::AttributeProto* attribute = node.add_attribute();
    attribute->set_name("axes");
    attribute->set_type(onnx::AttributeProto::INTS);
    for (int i = 0; i < 2; ++i) {
      std::int64_t axis = 0;
      if (axes.int64_data_size() == 2) {
        axis = axes.int64_data(i);
      } else {
        for (int byte = 7; byte >= 0; --byte) {
          axis = static_cast<std::int64_t>(static_cast<std::uint64_t>(axis) << 8 |
                                           static_cast<std::uint8_t>(axes.raw_data()[8 * i + byte]));
        }
      }
      attribute->add_ints(axis);
    }
    node.mutable_input()->RemoveLast();
  }
}

void bring_to_checked_versions(onnx::ModelProto& model) {
  if (opset_version(model) > kNewestCheckedOpset) {
    lower_reduce_mean(*model.mutable_graph());
    model.mutable_opset_import(0)->set_version(kNewestCheckedOpset);
  }
  if (model.ir_version() > kNewestCheckedIr) model.set_ir_version(kNewestCheckedIr);
}

}  // namespace

std::string printable(const std::string& text) {
  constexpr std::size_t kMaxLength = 120;
  std::string clean = text.substr(0, kMaxLength);
  std::replace_if(
      clean.begin(), clean.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; }, '?');
  return text.size() > kMaxLength ? clean + "..." : clean;
}

std::string node_name(const onnx::NodeProto& node) {
  if (!node.name().empty()) return printable(node.name());
  return node.output_size() > 0 ? printable(node.output(0)) : std::string("unnamed");
}

std::string label(const onnx::NodeProto& node) {
  return "node '" + node_name(node) + "' (" + printable(node.op_type()) + ")";
}

std::int64_t opset_version(const onnx::ModelProto& model) { return model.opset_import(0).version(); }

onnx::ModelProto parse_model(std::span<const std::uint8_t> bytes, const std::string& name) {
  if (bytes.size() > kMaxModelBytes)
    throw FormatError(name + ": larger than " + std::to_string(kMaxModelBytes) + " bytes");
  onnx::ModelProto model;
  if (!model.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())) || !model.has_graph()) {
    throw FormatError(name + ": not an ONNX model");
  }
  drop_decorations(model);
  keep_default_opset(model, name);
  check_operators(model.graph());
  bring_to_checked_versions(model);
  try {
    onnx::checker::check_model(model);
  } catch (const std::exception& error) {
    throw FormatError(name + ": not a valid ONNX model: " + printable(error.what()));
  }
  return model;
}

void infer_shapes(onnx::ModelProto& model, const std::string& name) {
  try {
    onnx::shape_inference::InferShapes(model);
  } catch (const std::exception& error) {
    throw FormatError(name + ": shape inference fails: " + printable(error.what()));
  }
}

}  // namespace blindsight::nn
