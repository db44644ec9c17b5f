#include "blindsight/nn/import.h"

#include <algorithm>
#include <utility>

#include "blindsight/base/error.h"
#include "blindsight/base/file.h"
#include "blindsight/nn/onnx_importer.h"
#include "blindsight/nn/onnx_model.h"

namespace blindsight::nn {
namespace {

Shape without_batch(const Shape& shape) { return Shape(shape.begin() + 1, shape.end()); }

/// Drops nodes that the output does not need and numbers the rest anew.
void prune(Graph& graph, std::size_t output) {
  std::vector<char> needed(graph.nodes.size() + 1, 0);
  needed[output] = 1;
  for (std::size_t i = graph.nodes.size(); i > 0; --i) {
    if (!needed[i]) continue;
    for (const std::size_t input : graph.nodes[i - 1].inputs) needed[input] = 1;
  }
  std::vector<std::size_t> number(graph.nodes.size() + 1, 0);
  std::vector<Node> kept;
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    if (!needed[i + 1]) continue;
    for (std::size_t& input : graph.nodes[i].inputs) input = number[input];
    kept.push_back(std::move(graph.nodes[i]));
    number[i + 1] = kept.size();
  }
  graph.nodes = std::move(kept);
}

}  // namespace

Graph import_onnx(const std::filesystem::path& path) {
  return import_onnx(read_file(path, kMaxModelBytes), path.string());
}

Graph import_onnx(std::span<const std::uint8_t> bytes, std::string name) {
  return Importer(parse_model(bytes, name), bytes.size(), name).run();
}

Importer::Importer(onnx::ModelProto model, std::size_t file_bytes, std::string name)
    : model_(std::move(model)),
      name_(std::move(name)),
      budget_(static_cast<std::int64_t>(file_bytes) + 2 * kMaxActivationElements),
      opset_(opset_version(model_)) {}

Graph Importer::run() {
  graph_.name = printable(model_.graph().name());
  read_initializers();
  read_input();
  for (const onnx::NodeProto& node : model_.graph().node()) visit(node);
  node_ = nullptr;
  cross_check();
  read_output();
  return std::move(graph_);
}

void Importer::read_initializers() {
  for (const onnx::TensorProto& tensor : model_.graph().initializer()) {
    const std::string owner = "initializer '" + printable(tensor.name()) + "'";
    if (!values_.emplace(tensor.name(), read_constant(tensor, owner)).second) {
      throw FormatError(name_ + ": " + owner + " is there twice");
    }
  }
}

void Importer::read_input() {
  onnx::ValueInfoProto* image = nullptr;
  for (onnx::ValueInfoProto& input : *model_.mutable_graph()->mutable_input()) {
    if (values_.contains(input.name())) continue;
    if (image) throw UnsupportedModel(name_ + ": has more than one input; a network takes one image");
    image = &input;
  }
  if (!image) throw UnsupportedModel(name_ + ": has no input; a network takes one image");
  const std::string owner = name_ + ": input '" + printable(image->name()) + "'";
  const auto& type = image->type().tensor_type();
  if (type.elem_type() != onnx::TensorProto::FLOAT && type.elem_type() != onnx::TensorProto::DOUBLE &&
      type.elem_type() != onnx::TensorProto::FLOAT16) {
    throw UnsupportedModel(owner + " isn't of a floating-point type");
  }
  if (!type.has_shape() || type.shape().dim_size() != 4) {
    throw UnsupportedModel(owner + " must be an image of shape [batch, channels, height, width]");
  }
  auto* batch = image->mutable_type()->mutable_tensor_type()->mutable_shape()->mutable_dim(0);
  if (batch->has_dim_value() && batch->dim_value() != 1) {
    throw UnsupportedModel(owner + " has a batch of " + std::to_string(batch->dim_value()) +
                           "; export with a batch of 1 or a symbolic one");
  }
  batch->set_dim_value(1);
  Shape shape{1};
  for (int i = 1; i < 4; ++i) {
    const auto& dim = type.shape().dim(i);
    if (!dim.has_dim_value() || dim.dim_value() < 1 || dim.dim_value() > kMaxActivationElements) {
      throw UnsupportedModel(owner + ": channels, height and width must be fixed and between 1 and " +
                             std::to_string(kMaxActivationElements));
    }
    shape.push_back(dim.dim_value());
  }
  if (element_count(shape) > kMaxActivationElements) {
    throw UnsupportedModel(owner + " of " + to_string(shape) + " is too large");
  }
  graph_.input_name = printable(image->name());
  graph_.input_shape = without_batch(shape);
  values_.emplace(image->name(), Signal{0, shape});
  polynomials_ = {{0, 1}};
}

void Importer::visit(const onnx::NodeProto& node) {
  node_ = &node;
  if (node.output_size() < 1 || node.output(0).empty()) malformed("has no output");
  try {
    if (!fold()) lower();
  } catch (const InvalidArgument& error) {
    refuse(error.what());
  }
}

void Importer::read_output() {
  if (model_.graph().output_size() != 1) {
    throw UnsupportedModel(name_ + ": has " + std::to_string(model_.graph().output_size()) +
                           " outputs; a network gives one vector");
  }
  const std::string& output = model_.graph().output(0).name();
  const std::string owner = name_ + ": output '" + printable(output) + "'";
  const auto found = values_.find(output);
  if (found == values_.end()) throw FormatError(owner + " is computed by no node");
  const Signal* signal = std::get_if<Signal>(&found->second);
  if (!signal) throw UnsupportedModel(owner + " does not depend on the input");
  const Shape shape = without_batch(signal->shape);
  const std::int64_t count = element_count(shape);
  if (shape.empty() || shape[0] != count) {
    throw UnsupportedModel(owner + " has shape " + to_string(signal->shape) +
                           "; a network gives one vector: add a Flatten or a pooling layer");
  }
  graph_.softmax_output = signal->after_softmax;
  graph_.output_name = printable(output);
  std::size_t tensor = signal->tensor;
  if (shape.size() > 1) {
    graph_.nodes.push_back({graph_.output_name, "Output", Reshape{}, {tensor}, {count}});
    tensor = graph_.nodes.size();
  }
  prune(graph_, tensor);
}

/// libonnx's shape inference must agree with ours wherever it knows the shape.
void Importer::cross_check() {
  infer_shapes(model_, name_);
  for (const onnx::ValueInfoProto& info : model_.graph().value_info()) {
    const auto found = values_.find(info.name());
    const Signal* signal = found == values_.end() ? nullptr : std::get_if<Signal>(&found->second);
    if (!signal || !info.type().tensor_type().has_shape()) continue;
    const auto& inferred = info.type().tensor_type().shape();
    bool agrees = inferred.dim_size() == static_cast<int>(signal->shape.size());
    for (int i = 1; agrees && i < inferred.dim_size(); ++i) {
      agrees = !inferred.dim(i).has_dim_value() || inferred.dim(i).dim_value() == signal->shape[i];
    }
    if (!agrees) {
      throw FormatError(name_ + ": shape inference disagrees about tensor '" + printable(info.name()) + "', which is " +
                        to_string(signal->shape));
    }
  }
}

const Value& Importer::input(int k) const {
  if (!has_input(k)) malformed("lacks input " + std::to_string(k));
  const auto found = values_.find(node_->input(k));
  if (found == values_.end()) {
    malformed("reads '" + printable(node_->input(k)) + "', which no layer before it gives");
  }
  const Signal* signal = std::get_if<Signal>(&found->second);
  if (signal && signal->after_softmax && node_->op_type() != "Identity" && node_->op_type() != "Dropout") {
    refuse("a softmax can only be the network's last layer");
  }
  return found->second;
}

const Signal& Importer::need_signal(int k) const {
  if (const Signal* found = signal(k)) return *found;
  refuse("input " + std::to_string(k) + " is a constant; the layer must work on the image");
}

const Constant& Importer::need_constant(int k, const char* role) const {
  if (const Constant* found = constant(k)) return *found;
  refuse(std::string(role) + " must be constant");
}

void Importer::refuse(const std::string& reason) const { throw UnsupportedModel(label(*node_) + ": " + reason); }

void Importer::malformed(const std::string& reason) const { throw FormatError(label(*node_) + ": " + reason); }

Signal Importer::emit(Operation operation, std::vector<std::size_t> inputs, Shape shape) {
  if (shape.empty() || shape[0] != 1) refuse("must keep the batch as its first axis");
  if (element_count(shape) > kMaxActivationElements) refuse("a result of " + to_string(shape) + " is too large");
  polynomials_.push_back(polynomial_of(operation, inputs));
  graph_.nodes.push_back(
      {node_name(*node_), printable(node_->op_type()), std::move(operation), std::move(inputs), without_batch(shape)});
  return {graph_.nodes.size(), std::move(shape)};
}

Polynomial Importer::polynomial_of(const Operation& operation, const std::vector<std::size_t>& inputs) const {
  const Polynomial fresh{graph_.nodes.size() + 1, 1};
  const Polynomial& x = polynomials_[inputs[0]];
  if (std::holds_alternative<AddConst>(operation) || std::holds_alternative<MulConst>(operation) ||
      std::holds_alternative<Reshape>(operation)) {
    return x;
  }
  if (std::holds_alternative<Square>(operation)) return {x.degree == 1 ? x.base : inputs[0], 2};
  if (std::holds_alternative<Product>(operation)) return {x.base, 2};
  if (!std::holds_alternative<Add>(operation)) return fresh;
  const Polynomial& y = polynomials_[inputs[1]];
  return x.base == y.base ? Polynomial{x.base, std::max(x.degree, y.degree)} : fresh;
}

void Importer::define(Value value, int output) {
  if (!values_.emplace(node_->output(output), std::move(value)).second) {
    malformed("'" + printable(node_->output(output)) + "' is computed twice");
  }
}

void Importer::charge(std::int64_t elements) {
  budget_ -= elements;
  if (budget_ < 0) refuse("the network's constants take far more memory than its file; simplify it before exporting");
}

}  // namespace blindsight::nn
