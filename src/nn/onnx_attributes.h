// Typed, checked access to a node's attributes. Private to the room.
#pragma once

#include <onnx/onnx_pb.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace blindsight::nn {

/// Every getter throws FormatError, naming node and attribute, where the attribute has another type.
class Attributes {
 public:
  explicit Attributes(const onnx::NodeProto& node) : node_(node) {}

  bool has(const std::string& name) const { return find(name) != nullptr; }
  std::int64_t integer(const std::string& name, std::int64_t fallback) const;
  double real(const std::string& name, double fallback) const;
  std::string text(const std::string& name, const std::string& fallback) const;
  std::optional<std::vector<std::int64_t>> integers(const std::string& name) const;
  /// Integers that must be `count`, each within [low, high]; `fallback` each where absent.
  std::vector<std::int64_t> integers(const std::string& name, std::size_t count, std::int64_t low, std::int64_t high,
                                     std::int64_t fallback) const;
  const onnx::TensorProto* tensor(const std::string& name) const;

 private:
  const onnx::AttributeProto* find(const std::string& name) const;
  const onnx::AttributeProto* find(const std::string& name, onnx::AttributeProto::AttributeType type) const;
  const onnx::NodeProto& node_;
};

}  // namespace blindsight::nn
