// Constants: reading them from the file, and computing what depends on nothing else.
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include "blindsight/base/error.h"
#include "blindsight/nn/onnx_importer.h"
#include "blindsight/nn/onnx_model.h"

namespace blindsight::nn {
namespace {

double half_to_double(std::uint16_t half) {
  const int exponent = half >> 10 & 0x1f;
  const double mantissa = half & 0x3ff;
  const double sign = half >> 15 ? -1 : 1;
  if (exponent == 31) return std::numeric_limits<double>::quiet_NaN();
  return sign * (exponent == 0 ? std::ldexp(mantissa, -24) : std::ldexp(mantissa + 1024, exponent - 25));
}

/// Little-endian elements of type T out of raw bytes.
template <typename T>
std::vector<double> from_raw(const std::string& raw) {
  std::vector<double> values(raw.size() / sizeof(T));
  for (std::size_t i = 0; i < values.size(); ++i) {
    T value;
    std::memcpy(&value, raw.data() + i * sizeof(T), sizeof(T));
    values[i] = static_cast<double>(value);
  }
  return values;
}

template <typename T, typename Field>
std::vector<double> from_field(const std::string& raw, const Field& field) {
  if (raw.empty()) return std::vector<double>(field.begin(), field.end());
  return from_raw<T>(raw);
}

std::vector<double> read_halves(const onnx::TensorProto& tensor) {
  std::vector<double> values = from_field<std::uint16_t>(tensor.raw_data(), tensor.int32_data());
  for (double& value : values) {
    value = value >= 0 && value < 65536 ? half_to_double(static_cast<std::uint16_t>(value))
                                        : std::numeric_limits<double>::quiet_NaN();
  }
  return values;
}

std::vector<double> read_values(const onnx::TensorProto& tensor, const std::string& owner) {
  static_assert(std::endian::native == std::endian::little);
  switch (tensor.data_type()) {
    case onnx::TensorProto::FLOAT:
      return from_field<float>(tensor.raw_data(), tensor.float_data());
    case onnx::TensorProto::DOUBLE:
      return from_field<double>(tensor.raw_data(), tensor.double_data());
    case onnx::TensorProto::FLOAT16:
      return read_halves(tensor);
    case onnx::TensorProto::INT64:
      return from_field<std::int64_t>(tensor.raw_data(), tensor.int64_data());
    case onnx::TensorProto::INT32:
      return from_field<std::int32_t>(tensor.raw_data(), tensor.int32_data());
    case onnx::TensorProto::BOOL:
      return from_field<std::uint8_t>(tensor.raw_data(), tensor.int32_data());
    default:
      throw UnsupportedModel(owner + " is of an element type that isn't supported; use float32");
  }
}

bool is_floating(std::int64_t type) {
  return type == onnx::TensorProto::FLOAT || type == onnx::TensorProto::DOUBLE || type == onnx::TensorProto::FLOAT16;
}

void require_finite(const Constant& constant, const std::string& owner) {
  if (!std::all_of(constant.data.begin(), constant.data.end(), [](double value) { return std::isfinite(value); })) {
    throw FormatError(owner + " holds a value that isn't finite (NaN or infinity)");
  }
}

Shape broadcast_shape(const Shape& a, const Shape& b) {
  Shape shape(std::max(a.size(), b.size()));
  for (std::size_t i = 1; i <= shape.size(); ++i) {
    const std::int64_t x = i <= a.size() ? a[a.size() - i] : 1;
    const std::int64_t y = i <= b.size() ? b[b.size() - i] : 1;
    if (x != y && x != 1 && y != 1)
      throw InvalidArgument("shapes " + to_string(a) + " and " + to_string(b) + " don't fit");
    shape[shape.size() - i] = x == 1 ? y : x;
  }
  return shape;
}

/// Position in an array of shape `part` of element `index` of an array of shape `whole`, to which it is broadcast.
std::size_t broadcast_index(std::size_t index, const Shape& whole, const Shape& part) {
  std::size_t position = 0;
  std::size_t stride = 1;
  for (std::size_t i = 1; i <= part.size(); ++i) {
    const std::size_t extent = whole[whole.size() - i];
    if (part[part.size() - i] != 1) position += index % extent * stride;
    stride *= part[part.size() - i];
    index /= extent;
  }
  return position;
}

double apply_binary(const std::string& type, double x, double y, bool integer) {
  if (type == "Add") return x + y;
  if (type == "Sub") return x - y;
  if (type == "Mul") return x * y;
  if (type == "Pow") return std::pow(x, y);
  if (type == "Equal") return x == y;
  if (type == "Div" && y == 0) throw InvalidArgument("divides by zero");
  return integer ? std::trunc(x / y) : x / y;
}

}  // namespace

std::int64_t constant_count(const Shape& shape, const std::string& owner) {
  std::int64_t count = 1;
  for (const std::int64_t extent : shape) {
    if (extent < 0 || (extent > 0 && count > kMaxElements / extent)) {
      throw FormatError(owner + " has an impossible shape, " + to_string(shape));
    }
    count *= extent;
  }
  return count;
}

Constant read_constant(const onnx::TensorProto& tensor, const std::string& owner) {
  Constant constant;
  constant.shape.assign(tensor.dims().begin(), tensor.dims().end());
  constant.integer = !is_floating(tensor.data_type());
  const std::int64_t count = constant_count(constant.shape, owner);
  constant.data = read_values(tensor, owner);
  if (static_cast<std::int64_t>(constant.data.size()) != count) {
    throw FormatError(owner + " has " + std::to_string(constant.data.size()) + " values where its shape " +
                      to_string(constant.shape) + " needs " + std::to_string(count));
  }
  require_finite(constant, owner);
  return constant;
}

std::vector<std::int64_t> as_integers(const Constant& constant) {
  std::vector<std::int64_t> values;
  for (const double value : constant.data) {
    if (std::abs(value) > 9e15) throw InvalidArgument("a shape or axis is out of range");
    values.push_back(static_cast<std::int64_t>(value));
  }
  return values;
}

std::vector<std::int64_t> as_positions(const Constant& constant) {
  constexpr double kLargest = static_cast<double>(std::int64_t{1} << 40);
  std::vector<std::int64_t> values;
  for (const double value : constant.data) {
    values.push_back(static_cast<std::int64_t>(std::clamp(value, -kLargest, kLargest)));
  }
  return values;
}

/// Computes the node if all its inputs are constants.
bool Importer::fold() {
  if (node_->op_type() == "Constant" || node_->op_type() == "Shape") return false;
  for (int k = 0; k < node_->input_size(); ++k) {
    if (has_input(k) && !constant(k)) return false;
  }
  Constant result = fold_node();
  charge(static_cast<std::int64_t>(result.data.size()));
  require_finite(result, label(*node_));
  define(std::move(result));
  return true;
}

Constant Importer::fold_node() {
  const std::string& type = node_->op_type();
  if (type == "Add" || type == "Sub" || type == "Mul" || type == "Div" || type == "Pow" || type == "Equal") {
    return fold_binary();
  }
  if (type == "Gather" || type == "Slice" || type == "Pad" || type == "Transpose" || type == "Expand") {
    return fold_pick();
  }
  if (type == "Concat") return fold_concat();
  if (type == "Cast") return fold_cast();
  if (type == "ConstantOfShape") return fold_filled();
  if (type == "Range") return fold_range();
  if (type == "Where") return fold_where();
  Constant result = need_constant(0, "input 0");
  if (type == "Neg") {
    for (double& value : result.data) value = -value;
  } else if (type == "Sqrt") {
    for (double& value : result.data) value = std::sqrt(value);
  } else if (type == "Floor") {
    for (double& value : result.data) value = std::floor(value);
  } else if (type == "Ceil") {
    for (double& value : result.data) value = std::ceil(value);
  } else if (type == "Unsqueeze" || type == "Squeeze" || type == "Reshape" || type == "Flatten") {
    result.shape = relabelled_shape(result.shape);
    if (constant_count(result.shape, label(*node_)) != static_cast<std::int64_t>(result.data.size())) {
      malformed("can't turn a constant into shape " + to_string(result.shape));
    }
  } else if (type != "Identity" && type != "Dropout") {
    refuse("works on constants only; fold them before exporting (do_constant_folding=True)");
  }
  return result;
}

/// Elements of a broadcast result, which must not turn two vectors into a huge matrix.
std::int64_t Importer::broadcast_count(const Shape& shape, std::size_t largest_part) const {
  const std::int64_t count = constant_count(shape, label(*node_));
  if (count > static_cast<std::int64_t>(std::max(largest_part, std::size_t{1} << 20))) {
    refuse("its constant result of " + to_string(shape) + " is too large");
  }
  return count;
}

Constant Importer::fold_binary() const {
  const Constant& x = need_constant(0, "input 0");
  const Constant& y = need_constant(1, "input 1");
  Constant result{broadcast_shape(x.shape, y.shape), {}, x.integer && y.integer};
  const std::int64_t count = broadcast_count(result.shape, std::max(x.data.size(), y.data.size()));
  result.data.resize(count);
  for (std::size_t i = 0; i < result.data.size(); ++i) {
    result.data[i] = apply_binary(node_->op_type(), x.data[broadcast_index(i, result.shape, x.shape)],
                                  y.data[broadcast_index(i, result.shape, y.shape)], result.integer);
  }
  return result;
}

Constant Importer::fold_filled() {
  Constant result{as_integers(need_constant(0, "the shape")), {}, false};
  double value = 0;
  if (const onnx::TensorProto* tensor = attributes().tensor("value")) {
    const Constant single = read_constant(*tensor, label(*node_));
    if (single.data.size() != 1) malformed("has several values");
    value = single.data[0];
    result.integer = single.integer;
  }
  const std::int64_t count = constant_count(result.shape, label(*node_));
  if (result.shape.size() > 8 || count > kMaxActivationElements) refuse("its result is too large");
  result.data.assign(count, value);
  return result;
}

Constant Importer::fold_range() {
  const Constant* parts[3];
  for (int k = 0; k < 3; ++k) {
    parts[k] = &need_constant(k, "start, limit and step");
    if (parts[k]->data.size() != 1) malformed("start, limit and step must be single numbers");
  }
  const double start = parts[0]->data[0];
  const double step = parts[2]->data[0];
  const double count = std::max(0.0, std::ceil((parts[1]->data[0] - start) / step));
  if (!(count <= kMaxActivationElements)) refuse("its result is too long");
  Constant result{{static_cast<std::int64_t>(count)}, {}, parts[0]->integer};
  for (std::int64_t i = 0; i < result.shape[0]; ++i) result.data.push_back(start + static_cast<double>(i) * step);
  return result;
}

Constant Importer::fold_where() const {
  const Constant& condition = need_constant(0, "the condition");
  const Constant& x = need_constant(1, "input 1");
  const Constant& y = need_constant(2, "input 2");
  Constant result{broadcast_shape(condition.shape, broadcast_shape(x.shape, y.shape)), {}, x.integer && y.integer};
  result.data.resize(broadcast_count(result.shape, std::max({condition.data.size(), x.data.size(), y.data.size()})));
  for (std::size_t i = 0; i < result.data.size(); ++i) {
    const bool chosen = condition.data[broadcast_index(i, result.shape, condition.shape)] != 0;
    const Constant& source = chosen ? x : y;
    result.data[i] = source.data[broadcast_index(i, result.shape, source.shape)];
  }
  return result;
}

Constant Importer::fold_cast() const {
  Constant result = need_constant(0, "input 0");
  const std::int64_t type = attributes().integer("to", 0);
  if (is_floating(type)) {
    result.integer = false;
  } else if (type == onnx::TensorProto::BOOL) {
    result.integer = true;
    for (double& value : result.data) value = value != 0;
  } else if (type == onnx::TensorProto::INT64 || type == onnx::TensorProto::INT32) {
    result.integer = true;
    for (double& value : result.data) value = std::trunc(value);
  } else {
    refuse("casts to a type that isn't supported; use float32 or int64");
  }
  return result;
}

}  // namespace blindsight::nn
