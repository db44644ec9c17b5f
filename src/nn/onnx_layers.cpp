// Element-wise, dense and relabelling layers.
#include <algorithm>
#include <cmath>

#include "blindsight/base/error.h"
#include "blindsight/nn/onnx_hints.h"
#include "blindsight/nn/onnx_importer.h"
#include "blindsight/nn/onnx_model.h"

namespace blindsight::nn {
namespace {

bool all_equal_to(const Constant& constant, double value) {
  return !constant.data.empty() &&
         std::all_of(constant.data.begin(), constant.data.end(), [&](double x) { return x == value; });
}

}  // namespace

void Importer::lower() {
  static const std::map<std::string, void (Importer::*)()> table = {{"Add", &Importer::lower_binary},
                                                                    {"AveragePool", &Importer::lower_average_pool},
                                                                    {"BatchNormalization", &Importer::lower_batch_norm},
                                                                    {"Cast", &Importer::lower_identity},
                                                                    {"Concat", &Importer::lower_concat},
                                                                    {"Constant", &Importer::lower_constant},
                                                                    {"Conv", &Importer::lower_conv},
                                                                    {"DepthToSpace", &Importer::lower_pick},
                                                                    {"Div", &Importer::lower_binary},
                                                                    {"Dropout", &Importer::lower_identity},
                                                                    {"Expand", &Importer::lower_pick},
                                                                    {"Flatten", &Importer::lower_relabel},
                                                                    {"Gather", &Importer::lower_pick},
                                                                    {"Gemm", &Importer::lower_gemm},
                                                                    {"GlobalAveragePool", &Importer::lower_global_pool},
                                                                    {"Identity", &Importer::lower_identity},
                                                                    {"LogSoftmax", &Importer::lower_softmax},
                                                                    {"MatMul", &Importer::lower_matmul},
                                                                    {"Mul", &Importer::lower_binary},
                                                                    {"Neg", &Importer::lower_negation},
                                                                    {"Pad", &Importer::lower_pick},
                                                                    {"Pow", &Importer::lower_pow},
                                                                    {"ReduceMean", &Importer::lower_reduce_mean},
                                                                    {"Reshape", &Importer::lower_relabel},
                                                                    {"Shape", &Importer::lower_shape},
                                                                    {"Slice", &Importer::lower_pick},
                                                                    {"Softmax", &Importer::lower_softmax},
                                                                    {"SpaceToDepth", &Importer::lower_pick},
                                                                    {"Split", &Importer::lower_split},
                                                                    {"Squeeze", &Importer::lower_relabel},
                                                                    {"Sub", &Importer::lower_binary},
                                                                    {"Transpose", &Importer::lower_pick},
                                                                    {"Unsqueeze", &Importer::lower_relabel}};
  const auto entry = table.find(node_->op_type());
  if (entry == table.end()) refuse("can't be applied to encrypted values: " + operator_hint(node_->op_type()));
  (this->*entry->second)();
}

/// Identity, Dropout at inference, and casts between floating-point types.
void Importer::lower_identity() {
  const Signal& x = need_signal(0);
  if (has_input(2) && !all_equal_to(need_constant(2, "training_mode"), 0)) {
    refuse("is in training mode; export in evaluation mode (model.eval())");
  }
  if (node_->op_type() == "Cast") {
    const std::int64_t to = attributes().integer("to", 0);
    if (to != onnx::TensorProto::FLOAT && to != onnx::TensorProto::DOUBLE && to != onnx::TensorProto::FLOAT16) {
      refuse("can't cast encrypted values to another type than a floating-point one");
    }
  }
  define(x);
}

void Importer::lower_constant() {
  const Attributes attribute = attributes();
  Constant value;
  if (const onnx::TensorProto* tensor = attribute.tensor("value")) {
    value = read_constant(*tensor, label(*node_));
  } else if (attribute.has("value_float")) {
    value = {{}, {attribute.real("value_float", 0)}, false};
  } else if (attribute.has("value_int")) {
    value = {{}, {static_cast<double>(attribute.integer("value_int", 0))}, true};
  } else if (const auto values = attribute.integers("value_ints")) {
    value = {{static_cast<std::int64_t>(values->size())}, std::vector<double>(values->begin(), values->end()), true};
  } else {
    refuse("only numeric tensors can be constants");
  }
  define(std::move(value));
}

void Importer::lower_shape() {
  const Shape shape = signal(0) ? signal(0)->shape : constant(0)->shape;
  const auto rank = static_cast<std::int64_t>(shape.size());
  const auto clamp = [&](std::int64_t axis) {
    return std::clamp<std::int64_t>(axis < 0 ? axis + rank : axis, 0, rank);
  };
  const std::int64_t start = clamp(std::max(attributes().integer("start", 0), -rank));
  const std::int64_t end = std::max(start, clamp(std::max(attributes().integer("end", rank), -rank)));
  define(Constant{{end - start}, std::vector<double>(shape.begin() + start, shape.begin() + end), true});
}

std::vector<double> Importer::broadcast(const Constant& c, const Shape& shape) {
  // Aligned at the right, as NumPy does; the image must keep its shape.
  Shape part(shape.size(), 1);
  if (c.shape.size() > shape.size()) refuse("the constant has more axes than the image's tensor");
  std::copy(c.shape.begin(), c.shape.end(), part.end() - static_cast<std::ptrdiff_t>(c.shape.size()));
  for (std::size_t i = 0; i < shape.size(); ++i) {
    if (part[i] != 1 && part[i] != shape[i]) {
      refuse("a constant of shape " + to_string(c.shape) + " doesn't fit a tensor of shape " + to_string(shape));
    }
  }
  charge(static_cast<std::int64_t>(c.data.size()));
  // Leading axes that are equal and trailing ones that are broadcast keep the constant as it is.
  std::size_t equal = 0;
  while (equal < shape.size() && part[equal] == shape[equal]) ++equal;
  if (std::all_of(part.begin() + static_cast<std::ptrdiff_t>(equal), part.end(), [](auto e) { return e == 1; })) {
    return c.data;
  }
  const std::int64_t count = element_count(shape);
  charge(count);
  std::vector<double> values(count);
  for (std::int64_t i = 0; i < count; ++i) {
    std::int64_t rest = i, position = 0, stride = 1;
    for (std::size_t axis = shape.size(); axis-- > 0;) {
      if (part[axis] != 1) position += rest % shape[axis] * stride;
      stride *= part[axis];
      rest /= shape[axis];
    }
    values[i] = c.data[position];
  }
  return values;
}

/// Add, Sub, Mul, Div.
void Importer::lower_binary() {
  const Signal* x = signal(0);
  const Signal* y = signal(1);
  if (x && y) return lower_two_signals(*x, *y);
  if (x) return lower_with_constant(*x, *constant(1), false);
  lower_with_constant(*y, *constant(0), true);
}

void Importer::lower_with_constant(const Signal& x, const Constant& c, bool constant_first) {
  const std::string& type = node_->op_type();
  std::vector<double> values = broadcast(c, x.shape);
  if (type == "Add") return define(emit(AddConst{std::move(values)}, {x.tensor}, x.shape));
  if (type == "Mul") return define(emit(MulConst{std::move(values)}, {x.tensor}, x.shape));
  if (type == "Sub") {
    if (constant_first) {
      const Signal negative = emit(MulConst{{-1.0}}, {x.tensor}, x.shape);
      return define(emit(AddConst{std::move(values)}, {negative.tensor}, x.shape));
    }
    for (double& value : values) value = -value;
    return define(emit(AddConst{std::move(values)}, {x.tensor}, x.shape));
  }
  if (constant_first) refuse("can't divide by an encrypted value; divide by a constant, or retrain without it");
  for (double& value : values) {
    value = 1 / value;
    if (!std::isfinite(value)) refuse("divides by zero");
  }
  define(emit(MulConst{std::move(values)}, {x.tensor}, x.shape));
}

void Importer::lower_two_signals(const Signal& x, const Signal& y) {
  const std::string& type = node_->op_type();
  if (type == "Div") refuse("can't divide by an encrypted value; divide by a constant, or retrain without it");
  if (x.shape != y.shape) {
    refuse("works on shapes " + to_string(x.shape) + " and " + to_string(y.shape) + "; they must be the same");
  }
  if (type == "Mul") {
    if (x.tensor != y.tensor) return lower_product(x, y);
    return define(emit(Square{}, {x.tensor}, x.shape));
  }
  std::size_t second = y.tensor;
  if (type == "Sub") second = emit(MulConst{{-1.0}}, {y.tensor}, y.shape).tensor;
  define(emit(Add{}, {x.tensor, second}, x.shape));
}

/// (a·x + b)·(c·x + d), element by element: what (a*x)*x or x*(a*x + b) come to.
void Importer::lower_product(const Signal& x, const Signal& y) {
  const Polynomial& p = polynomials_[x.tensor];
  const Polynomial& q = polynomials_[y.tensor];
  if (p.base != q.base) {
    refuse(
        "multiplies two different tensors; only squares (x*x) can be evaluated; write a quadratic "
        "activation as a*x*x + b*x + c");
  }
  if (p.degree + q.degree > 2) {
    refuse("gives a polynomial of degree " + std::to_string(p.degree + q.degree) +
           "; only quadratic activations (a*x*x + b*x + c) can be evaluated; retrain with one");
  }
  define(emit(Product{}, {x.tensor, y.tensor}, x.shape));
}

void Importer::lower_pow() {
  const Signal& x = need_signal(0);
  const Constant& exponent = need_constant(1, "the exponent");
  if (all_equal_to(exponent, 1)) return define(x);
  if (!all_equal_to(exponent, 2)) refuse("only the power 2 can be evaluated; use x*x and retrain");
  if (exponent.shape.size() > x.shape.size()) refuse("the exponent has more axes than the image's tensor");
  define(emit(Square{}, {x.tensor}, x.shape));
}

void Importer::lower_negation() {
  const Signal& x = need_signal(0);
  define(emit(MulConst{{-1.0}}, {x.tensor}, x.shape));
}

/// y = alpha · x · W + bias, with W given as {in, out}, or as {out, in} where `transposed`.
void Importer::emit_dense(const Signal& x, const Constant& weight, bool transposed, double alpha,
                          std::vector<double> bias) {
  if (x.shape.size() != 2) refuse("must work on a vector, not on " + to_string(x.shape) + "; add a Flatten before it");
  if (weight.shape.size() != 2) refuse("the weights must be a matrix, not " + to_string(weight.shape));
  const std::int64_t in = weight.shape[transposed ? 1 : 0];
  const std::int64_t out = weight.shape[transposed ? 0 : 1];
  if (in != x.shape[1] || out < 1) {
    malformed("weights for " + std::to_string(in) + " values work on " + std::to_string(x.shape[1]));
  }
  charge(in * out);
  Dense dense;
  dense.weight = {{out, in}, std::vector<double>(weight.data.size())};
  for (std::int64_t o = 0; o < out; ++o) {
    for (std::int64_t i = 0; i < in; ++i) {
      dense.weight.data[o * in + i] = alpha * weight.data[transposed ? o * in + i : i * out + o];
    }
  }
  dense.bias = std::move(bias);
  dense.bias.resize(out);
  define(emit(std::move(dense), {x.tensor}, {1, out}));
}

void Importer::lower_gemm() {
  const Attributes attribute = attributes();
  const Signal& x = need_signal(0);
  const Constant& weight = need_constant(1, "the weights");
  if (attribute.integer("transA", 0) != 0) refuse("transA isn't supported: the batch is the first axis");
  const bool transposed = attribute.integer("transB", 0) != 0;
  std::vector<double> bias;
  if (has_input(2) && weight.shape.size() == 2) {
    const std::int64_t out = weight.shape[transposed ? 0 : 1];
    if (out < 1) malformed("the weights have no columns");
    bias = broadcast(need_constant(2, "the bias"), {1, out});
    const double first = bias.at(0);
    if (bias.size() == 1) bias.assign(out, first);
    for (double& value : bias) value *= attribute.real("beta", 1);
  }
  emit_dense(x, weight, transposed, attribute.real("alpha", 1), std::move(bias));
}

void Importer::lower_matmul() {
  const Signal& x = need_signal(0);
  if (signal(1)) refuse("multiplies two encrypted tensors; only constant weights can be evaluated");
  emit_dense(x, need_constant(1, "the weights"), false, 1, {});
}

void Importer::lower_batch_norm() {
  const Signal& x = need_signal(0);
  if (attributes().integer("training_mode", 0) != 0 || node_->output_size() > 1) {
    refuse("is in training mode; export in evaluation mode (model.eval())");
  }
  if (x.shape.size() < 2) malformed("has no channels to work on");
  const std::int64_t channels = x.shape[1];
  const std::vector<double>* parts[4];
  for (int k = 0; k < 4; ++k) {
    const Constant& part = need_constant(k + 1, "scale, bias, mean and variance");
    if (part.shape != Shape{channels})
      malformed("parameters of shape " + to_string(part.shape) + " for " + to_string(x.shape));
    parts[k] = &part.data;
  }
  const double epsilon = attributes().real("epsilon", 1e-5);
  charge(2 * channels);
  MulConst scale;
  AddConst shift;
  for (std::int64_t c = 0; c < channels; ++c) {
    const double factor = (*parts[0])[c] / std::sqrt((*parts[3])[c] + epsilon);
    const double offset = (*parts[1])[c] - factor * (*parts[2])[c];
    if (!std::isfinite(factor) || !std::isfinite(offset)) malformed("variance plus epsilon isn't positive");
    scale.value.push_back(factor);
    shift.value.push_back(offset);
  }
  const Signal product = emit(std::move(scale), {x.tensor}, x.shape);
  define(emit(std::move(shift), {product.tensor}, x.shape));
}

/// Axes of Squeeze and Unsqueeze: an attribute up to opset 12, an input since.
std::optional<std::vector<std::int64_t>> Importer::axes() const {
  if (opset_ < 13) return attributes().integers("axes");
  if (!has_input(1)) return std::nullopt;
  return as_integers(need_constant(1, "axes"));
}

Shape Importer::reshape_target(const Shape& shape, const std::vector<std::int64_t>& target, bool allow_zero) const {
  if (target.size() > 8) malformed("has more than 8 axes");
  Shape result;
  std::int64_t known = 1;
  std::optional<std::size_t> open;
  for (std::size_t i = 0; i < target.size(); ++i) {
    std::int64_t extent = target[i];
    if (extent == 0 && !allow_zero) {
      if (i >= shape.size()) malformed("copies an axis that the input doesn't have");
      extent = shape[i];
    }
    if (extent == -1 && !open) {
      open = i;
      extent = 1;
    } else if (extent < 0 || extent > kMaxElements) {
      malformed("asks for an extent of " + std::to_string(extent));
    }
    result.push_back(extent);
    known = constant_count(result, label(*node_));
  }
  if (open) {
    const std::int64_t count = constant_count(shape, label(*node_));
    if (known == 0 || count % known != 0) malformed("can't reshape " + to_string(shape));
    result[*open] = count / known;
  }
  return result;
}

/// What Flatten, Reshape, Squeeze and Unsqueeze make of a shape.
Shape Importer::relabelled_shape(const Shape& shape) const {
  const std::string& type = node_->op_type();
  const auto rank = static_cast<std::int64_t>(shape.size());
  if (type == "Reshape") {
    return reshape_target(shape, as_integers(need_constant(1, "the new shape")),
                          attributes().integer("allowzero", 0) != 0);
  }
  if (type == "Flatten") {
    std::int64_t axis = attributes().integer("axis", 1);
    if (axis < -rank || axis > rank) malformed("axis " + std::to_string(axis) + " doesn't exist");
    if (axis < 0) axis += rank;
    return {constant_count(Shape(shape.begin(), shape.begin() + axis), label(*node_)),
            constant_count(Shape(shape.begin() + axis, shape.end()), label(*node_))};
  }
  const bool squeeze = type == "Squeeze";
  const auto listed = axes();
  if (!squeeze && !listed) malformed("lacks its axes");
  const std::int64_t new_rank = squeeze ? rank : rank + static_cast<std::int64_t>(listed->size());
  if (new_rank > 8) malformed("has more than 8 axes");
  std::vector<char> marked(new_rank, 0);
  if (listed) {
    for (std::int64_t axis : *listed) {
      if (axis < -new_rank || axis >= new_rank) malformed("axis " + std::to_string(axis) + " doesn't exist");
      if (axis < 0) axis += new_rank;
      if (marked[axis] || (squeeze && shape[axis] != 1)) malformed("axis " + std::to_string(axis) + " can't be taken");
      marked[axis] = 1;
    }
  } else {
    for (std::int64_t axis = 1; axis < rank; ++axis) marked[axis] = shape[axis] == 1;
  }
  Shape result;
  auto next = shape.begin();
  for (std::int64_t axis = 0; axis < new_rank; ++axis) {
    if (!squeeze && marked[axis]) {
      result.push_back(1);
    } else {
      if (!marked[axis]) result.push_back(*next);
      ++next;
    }
  }
  return result;
}

void Importer::lower_relabel() {
  const Signal& x = need_signal(0);
  Shape shape = relabelled_shape(x.shape);
  if (shape.empty() || shape[0] != 1) refuse("must keep the batch as its first axis, but gives " + to_string(shape));
  if (element_count(shape) != element_count(x.shape)) {
    malformed("can't turn " + to_string(x.shape) + " into " + to_string(shape));
  }
  define(emit(Reshape{}, {x.tensor}, std::move(shape)));
}

void Importer::lower_softmax() {
  Signal x = need_signal(0);
  const auto rank = static_cast<std::int64_t>(x.shape.size());
  std::int64_t axis = attributes().integer("axis", opset_ < 13 ? 1 : -1);
  if (axis < -rank || axis >= rank) malformed("axis " + std::to_string(axis) + " doesn't exist");
  if (axis < 0) axis += rank;
  const std::int64_t together =
      opset_ < 13 ? element_count(Shape(x.shape.begin() + axis, x.shape.end())) : x.shape[axis];
  if (together != element_count(x.shape)) refuse("must work on all classes at once, as the network's last layer");
  x.after_softmax = true;
  define(std::move(x));
}

}  // namespace blindsight::nn
