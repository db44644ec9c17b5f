#include "blindsight/nn/onnx_attributes.h"

#include <cmath>

#include "blindsight/base/error.h"
#include "blindsight/nn/onnx_model.h"

namespace blindsight::nn {

const onnx::AttributeProto* Attributes::find(const std::string& name) const {
  for (const onnx::AttributeProto& attribute : node_.attribute()) {
    if (attribute.name() == name) return &attribute;
  }
  return nullptr;
}

const onnx::AttributeProto* Attributes::find(const std::string& name, onnx::AttributeProto::AttributeType type) const {
  const onnx::AttributeProto* attribute = find(name);
  if (attribute && attribute->type() != type) {
    throw FormatError(label(node_) + ": attribute '" + name + "' has the wrong type");
  }
  return attribute;
}

std::int64_t Attributes::integer(const std::string& name, std::int64_t fallback) const {
  const onnx::AttributeProto* attribute = find(name, onnx::AttributeProto::INT);
  return attribute ? attribute->i() : fallback;
}

double Attributes::real(const std::string& name, double fallback) const {
  const onnx::AttributeProto* attribute = find(name, onnx::AttributeProto::FLOAT);
  const double value = attribute ? static_cast<double>(attribute->f()) : fallback;
  if (!std::isfinite(value)) throw FormatError(label(node_) + ": attribute '" + name + "' isn't finite");
  return value;
}

std::string Attributes::text(const std::string& name, const std::string& fallback) const {
  const onnx::AttributeProto* attribute = find(name, onnx::AttributeProto::STRING);
  return attribute ? attribute->s() : fallback;
}

std::optional<std::vector<std::int64_t>> Attributes::integers(const std::string& name) const {
  const onnx::AttributeProto* attribute = find(name, onnx::AttributeProto::INTS);
  if (!attribute) return std::nullopt;
  return std::vector<std::int64_t>(attribute->ints().begin(), attribute->ints().end());
}

std::vector<std::int64_t> Attributes::integers(const std::string& name, std::size_t count, std::int64_t low,
                                               std::int64_t high, std::int64_t fallback) const {
  const auto values = integers(name);
  if (!values) return std::vector<std::int64_t>(count, fallback);
  if (values->size() != count) {
    throw UnsupportedModel(label(node_) + ": attribute '" + name + "' has " + std::to_string(values->size()) +
                           " values where " + std::to_string(count) +
                           " are expected; only two-dimensional images can be evaluated");
  }
  for (const std::int64_t value : *values) {
    if (value < low || value > high) {
      throw UnsupportedModel(label(node_) + ": attribute '" + name + "' is " + std::to_string(value) +
                             ", not between " + std::to_string(low) + " and " + std::to_string(high));
    }
  }
  return *values;
}

const onnx::TensorProto* Attributes::tensor(const std::string& name) const {
  const onnx::AttributeProto* attribute = find(name, onnx::AttributeProto::TENSOR);
  return attribute ? &attribute->t() : nullptr;
}

}  // namespace blindsight::nn
