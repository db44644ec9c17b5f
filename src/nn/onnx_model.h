// The protobuf side of the import: parsing, bounds, and libonnx's checker and shape inference. Private to the room.
#pragma once

#include <onnx/onnx_pb.h>

#include <cstdint>
#include <span>
#include <string>

namespace blindsight::nn {

/// The attributes of messages: text from a file, printable and of bounded length.
std::string printable(const std::string& text);

/// "node 'relu1' (Relu)"; a node without a name goes by its first output's.
std::string node_name(const onnx::NodeProto& node);
std::string label(const onnx::NodeProto& node);

/// Parses, drops what doesn't bear on the network's meaning (functions, metadata), refuses external data, subgraphs and
/// operators that we don't know, brings opset 18 to 17 (libonnx 1.12's newest), and runs libonnx's checker.
/// Throws FormatError or UnsupportedModel.
onnx::ModelProto parse_model(std::span<const std::uint8_t> bytes, const std::string& name);

/// Version of the default operator set.
std::int64_t opset_version(const onnx::ModelProto& model);

/// Runs libonnx's shape inference (in place). Only for models whose nodes were all validated.
void infer_shapes(onnx::ModelProto& model, const std::string& name);

}  // namespace blindsight::nn
