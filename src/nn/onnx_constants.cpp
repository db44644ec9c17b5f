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
  return integer ? std::trunc(x / y) : x / y;
}

std::size_t normal_axis(std::int64_t axis, std::size_t rank) {
  const auto signed_rank = static_cast<std::int64_t>(rank);
  if (axis < -signed_rank || axis >= signed_rank)
    throw InvalidArgument("axis " + std::to_string(axis) + " doesn't exist");
  return axis < 0 ? axis + signed_rank : axis;
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
  if (type == "Add" || type == "Sub" || type == "Mul" || type == "Div" || type == "Pow") return fold_binary();
  if (type == "Gather") return fold_gather();
  if (type == "Concat") return fold_concat();
  if (type == "Transpose") return fold_transpose();
  if (type == "Cast") return fold_cast();
  Constant result = need_constant(0, "input 0");
  if (type == "Neg") {
    for (double& value : result.data) value = -value;
  } else if (type == "Sqrt") {
    for (double& value : result.data) value = std::sqrt(value);
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

Constant Importer::fold_binary() const {
  const Constant& x = need_constant(0, "input 0");
  const Constant& y = need_constant(1, "input 1");
  Constant result{broadcast_shape(x.shape, y.shape), {}, x.integer && y.integer};
  const std::int64_t count = constant_count(result.shape, label(*node_));
  // Broadcasting must not turn two vectors into a huge matrix.
  const std::size_t limit = std::max<std::size_t>({x.data.size(), y.data.size(), std::size_t{1} << 20});
  if (count > static_cast<std::int64_t>(limit))
    refuse("its constant result of " + to_string(result.shape) + " is too large");
  result.data.resize(count);
  for (std::size_t i = 0; i < result.data.size(); ++i) {
    result.data[i] = apply_binary(node_->op_type(), x.data[broadcast_index(i, result.shape, x.shape)],
                                  y.data[broadcast_index(i, result.shape, y.shape)], result.integer);
  }
  return result;
}

Constant Importer::fold_gather() const {
  const Constant& x = need_constant(0, "input 0");
  const Constant& indices = need_constant(1, "the index");
  if (x.shape.size() != 1 || indices.shape.size() > 1 || normal_axis(attributes().integer("axis", 0), 1) != 0) {
    refuse("only elements of constant vectors can be gathered");
  }
  Constant result{indices.shape, {}, x.integer};
  for (const double index : indices.data) {
    if (std::abs(index) > static_cast<double>(x.data.size())) malformed("index out of range");
    result.data.push_back(x.data[normal_axis(static_cast<std::int64_t>(index), x.data.size())]);
  }
  return result;
}

Constant Importer::fold_concat() const {
  Constant result{{0}, {}, true};
  for (int k = 0; k < node_->input_size(); ++k) {
    const Constant& part = need_constant(k, "every part");
    if (part.shape.size() != 1) refuse("only constant vectors can be concatenated");
    result.data.insert(result.data.end(), part.data.begin(), part.data.end());
    result.integer = result.integer && part.integer;
  }
  result.shape[0] = static_cast<std::int64_t>(result.data.size());
  return result;
}

Constant Importer::fold_transpose() const {
  const Constant& x = need_constant(0, "input 0");
  if (x.shape.size() != 2) refuse("only constant matrices can be transposed");
  const auto order = attributes().integers("perm");
  if (order && *order == Shape{0, 1}) return x;
  if (order && *order != Shape{1, 0}) malformed("perm isn't a permutation of two axes");
  Constant result{{x.shape[1], x.shape[0]}, {}, x.integer};
  result.data.reserve(x.data.size());
  for (std::int64_t c = 0; c < x.shape[1]; ++c) {
    for (std::int64_t r = 0; r < x.shape[0]; ++r) result.data.push_back(x.data[r * x.shape[1] + c]);
  }
  return result;
}

Constant Importer::fold_cast() const {
  Constant result = need_constant(0, "input 0");
  const std::int64_t type = attributes().integer("to", 0);
  if (is_floating(type)) {
    result.integer = false;
  } else if (type == onnx::TensorProto::INT64 || type == onnx::TensorProto::INT32) {
    result.integer = true;
    for (double& value : result.data) value = std::trunc(value);
  } else {
    refuse("casts to a type that isn't supported; use float32 or int64");
  }
  return result;
}

}  // namespace blindsight::nn
