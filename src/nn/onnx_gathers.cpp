// Slice, Pad, Transpose, Expand, Gather, Concat, Split and the two depth-space shuffles: elements moved, never changed.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "blindsight/base/error.h"
#include "blindsight/nn/onnx_importer.h"
#include "blindsight/nn/onnx_model.h"

namespace blindsight::nn {
namespace {

/// The same elements in the same order, so that only the shape may change.
bool in_order(const std::vector<Gather::Source>& sources, std::size_t input_size) {
  if (sources.size() != input_size) return false;
  for (std::size_t i = 0; i < sources.size(); ++i) {
    if (sources[i].input != 0 || sources[i].index != i) return false;
  }
  return true;
}

/// Product of the extents in front of the axis.
std::int64_t count_before(const Shape& shape, std::size_t axis) {
  return element_count(Shape(shape.begin(), shape.begin() + static_cast<std::ptrdiff_t>(axis)));
}

}  // namespace

/// The operand that is an input since some opset and was an attribute before.
std::optional<std::vector<std::int64_t>> Importer::listed(int k, const char* name) const {
  if (has_input(k)) return as_positions(need_constant(k, name));
  return attributes().integers(name);
}

Picked Importer::pick(const Shape& shape) const {
  const std::string& type = node_->op_type();
  if (type == "Slice") return pick_slice(shape);
  if (type == "Pad") return pick_padded(shape);
  if (type == "Transpose") return pick_transposed(shape);
  if (type == "Expand") return pick_expanded(shape);
  if (type == "Gather") return pick_indices(shape);
  return pick_shuffled(shape);
}

Picked Importer::pick_slice(const Shape& shape) const {
  const auto starts = listed(1, "starts");
  const auto ends = listed(2, "ends");
  if (!starts || !ends) malformed("lacks its starts or ends");
  std::vector<std::int64_t> all_axes(starts->size());
  std::iota(all_axes.begin(), all_axes.end(), 0);
  const auto axes = listed(3, "axes").value_or(all_axes);
  const auto steps = listed(4, "steps").value_or(std::vector<std::int64_t>(starts->size(), 1));
  return Picked(select_slice(shape, *starts, *ends, axes, steps));
}

Picked Importer::pick_padded(const Shape& shape) const {
  const auto pads = listed(1, "pads");
  if (!pads) malformed("lacks its pads");
  const std::string mode = attributes().text("mode", "constant");
  if (mode != "constant" && mode != "edge" && mode != "reflect") {
    refuse("mode '" + printable(mode) + "' isn't supported; use constant, edge or reflect");
  }
  Picked picked(select_padded(shape, *pads,
                              mode == "edge"      ? PadMode::edge
                              : mode == "reflect" ? PadMode::reflect
                                                  : PadMode::constant));
  picked.fill = attributes().real("value", 0);
  if (has_input(2)) {
    const Constant& value = need_constant(2, "the padding value");
    if (value.data.size() != 1) malformed("has several padding values");
    picked.fill = value.data[0];
  }
  return picked;
}

Picked Importer::pick_transposed(const Shape& shape) const {
  std::vector<std::int64_t> reversed(shape.size());
  std::iota(reversed.rbegin(), reversed.rend(), 0);
  return Picked(select_transposed(shape, attributes().integers("perm").value_or(reversed)));
}

Picked Importer::pick_expanded(const Shape& shape) const {
  Shape target = as_integers(need_constant(1, "the new shape"));
  Shape source = shape;
  if (target.size() > 8) malformed("has more than 8 axes");
  source.insert(source.begin(), target.size() - std::min(source.size(), target.size()), 1);
  target.insert(target.begin(), source.size() - target.size(), 1);
  for (std::size_t i = 0; i < target.size(); ++i) {
    if (target[i] == 1) target[i] = source[i];
    if (target[i] < 0 || target[i] > kMaxActivationElements) malformed("asks for an impossible shape");
  }
  return Picked(select_repeated(source, target));
}

Picked Importer::pick_indices(const Shape& shape) const {
  const Constant& indices = need_constant(1, "the indices");
  if (shape.empty()) malformed("gathers from a scalar");
  const std::size_t axis = normal_axis(attributes().integer("axis", 0), shape.size());
  if (signal(0) && axis == 0) refuse("can't gather along the batch");
  Picked picked(select_indices(shape, axis, as_positions(indices)));
  picked.shape.assign(shape.begin(), shape.begin() + static_cast<std::ptrdiff_t>(axis));
  picked.shape.insert(picked.shape.end(), indices.shape.begin(), indices.shape.end());
  picked.shape.insert(picked.shape.end(), shape.begin() + static_cast<std::ptrdiff_t>(axis) + 1, shape.end());
  if (picked.shape.size() > 8) malformed("gives more than 8 axes");
  return picked;
}

/// SpaceToDepth and DepthToSpace: a transposition of six axes between two reshapes.
Picked Importer::pick_shuffled(const Shape& shape) const {
  const bool to_depth = node_->op_type() == "SpaceToDepth";
  const std::int64_t block = attributes().integer("blocksize", 0);
  if (shape.size() != 4) malformed("must work on four axes, not on " + to_string(shape));
  if (block < 1 || block > kMaxActivationElements) malformed("a block size of " + std::to_string(block));
  const Shape& s = shape;
  if (to_depth ? s[2] % block || s[3] % block : s[1] % block || s[1] / block % block) {
    malformed("blocks of " + std::to_string(block) + " don't fit " + to_string(shape));
  }
  Shape split, order, result;
  if (to_depth) {
    split = {s[0], s[1], s[2] / block, block, s[3] / block, block};
    order = {0, 3, 5, 1, 2, 4};
    result = {s[0], s[1] * block * block, s[2] / block, s[3] / block};
  } else {
    const bool columns_first = attributes().text("mode", "DCR") == "CRD";
    const std::int64_t depth = s[1] / block / block;
    split = columns_first ? Shape{s[0], depth, block, block, s[2], s[3]} : Shape{s[0], block, block, depth, s[2], s[3]};
    order = columns_first ? Shape{0, 1, 4, 2, 5, 3} : Shape{0, 3, 4, 1, 5, 2};
    result = {s[0], depth, s[2] * block, s[3] * block};
  }
  Picked picked(select_transposed(split, order));
  picked.shape = result;
  return picked;
}

Constant Importer::fold_pick() {
  const Constant& x = need_constant(0, "input 0");
  const Picked picked = pick(x.shape);
  Constant result{picked.shape, {}, x.integer};
  const std::int64_t count = constant_count(result.shape, label(*node_));
  if (count > std::max<std::int64_t>(kMaxActivationElements, static_cast<std::int64_t>(x.data.size()))) {
    refuse("its constant result of " + to_string(result.shape) + " is too large");
  }
  if (count == 0) return result;
  result.data.reserve(count);
  picked.selection.for_each(
      [&](std::int64_t index) { result.data.push_back(index == Selection::kFill ? picked.fill : x.data[index]); });
  return result;
}

void Importer::lower_pick() {
  const Signal& x = need_signal(0);
  define(emit_picked(x, pick(x.shape)));
}

Signal Importer::emit_picked(const Signal& x, const Picked& picked) {
  const std::int64_t count = element_count(picked.shape);
  if (count > kMaxActivationElements) refuse("a result of " + to_string(picked.shape) + " is too large");
  charge(count);
  Gather gather;
  gather.sources.reserve(count);
  picked.selection.for_each([&](std::int64_t index) {
    const bool fill = index == Selection::kFill;
    gather.sources.push_back({fill ? Gather::kConstant : 0, fill ? 0 : static_cast<std::uint32_t>(index)});
  });
  if (in_order(gather.sources, element_count(x.shape))) {
    if (picked.shape == x.shape) return x;
    return emit(Reshape{}, {x.tensor}, picked.shape);
  }
  gather.constants = {picked.fill};
  return emit(std::move(gather), {x.tensor}, picked.shape);
}

Shape Importer::concatenated_shape(std::size_t& axis) const {
  Shape shape;
  for (int k = 0; k < node_->input_size(); ++k) {
    const Shape& part = signal(k) ? signal(k)->shape : constant(k)->shape;
    if (k == 0) {
      if (part.empty()) malformed("concatenates scalars");
      axis = normal_axis(attributes().integer("axis", opset_ < 4 ? 1 : 0), part.size());
      shape = part;
      continue;
    }
    bool fits = part.size() == shape.size();
    for (std::size_t i = 0; fits && i < part.size(); ++i) fits = i == axis || part[i] == shape[i];
    if (!fits) malformed("shapes " + to_string(shape) + " and " + to_string(part) + " don't fit");
    shape[axis] += part[axis];
  }
  if (shape.empty()) malformed("has no inputs");
  return shape;
}

Constant Importer::fold_concat() {
  std::size_t axis = 0;
  Constant result{concatenated_shape(axis), {}, true};
  const std::int64_t count = constant_count(result.shape, label(*node_));
  charge(count);
  result.data.reserve(count);
  if (count > 0) {
    for (std::int64_t outer = 0; outer < count_before(result.shape, axis); ++outer) {
      for (int k = 0; k < node_->input_size(); ++k) {
        const Constant& part = *constant(k);
        const auto run = static_cast<std::ptrdiff_t>(part.data.size()) / count_before(result.shape, axis);
        const auto begin = part.data.begin() + outer * run;
        result.data.insert(result.data.end(), begin, begin + run);
      }
    }
  }
  for (int k = 0; k < node_->input_size(); ++k) result.integer = result.integer && constant(k)->integer;
  return result;
}

void Importer::lower_concat() {
  std::size_t axis = 0;
  const Shape shape = concatenated_shape(axis);
  if (axis == 0) refuse("can't concatenate along the batch");
  const std::int64_t count = element_count(shape);
  if (count > kMaxActivationElements) refuse("a result of " + to_string(shape) + " is too large");
  charge(count);
  Gather gather;
  std::vector<std::size_t> tensors;
  std::vector<std::uint32_t> first;  // number of a part's tensor, or where its constants begin
  for (int k = 0; k < node_->input_size(); ++k) {
    if (const Signal* x = signal(k)) {
      first.push_back(static_cast<std::uint32_t>(tensors.size()));
      tensors.push_back(x->tensor);
    } else {
      first.push_back(static_cast<std::uint32_t>(gather.constants.size()));
      gather.constants.insert(gather.constants.end(), constant(k)->data.begin(), constant(k)->data.end());
    }
  }
  gather.sources.reserve(count);
  const std::int64_t blocks = count_before(shape, axis);
  for (std::int64_t outer = 0; outer < blocks; ++outer) {
    for (int k = 0; k < node_->input_size(); ++k) {
      const Signal* x = signal(k);
      const Shape& part = x ? x->shape : constant(k)->shape;
      const auto run = static_cast<std::uint32_t>(constant_count(part, label(*node_)) / blocks);
      for (std::uint32_t i = 0; i < run; ++i) {
        const auto index = static_cast<std::uint32_t>(outer) * run + i;
        gather.sources.push_back(x ? Gather::Source{first[k], index}
                                   : Gather::Source{Gather::kConstant, first[k] + index});
      }
    }
  }
  define(emit(std::move(gather), std::move(tensors), shape));
}

void Importer::lower_split() {
  const Signal& x = need_signal(0);
  const std::size_t axis = normal_axis(attributes().integer("axis", 0), x.shape.size());
  if (axis == 0) refuse("can't split the batch");
  const int parts = node_->output_size();
  auto sizes = listed(1, "split");
  if (!sizes) {
    if (x.shape[axis] % parts != 0) refuse("its parts must be of one size, or their sizes be given");
    sizes = std::vector<std::int64_t>(parts, x.shape[axis] / parts);
  }
  if (static_cast<int>(sizes->size()) != parts) malformed("has another number of sizes than of outputs");
  std::int64_t begin = 0;
  for (int k = 0; k < parts; ++k) {
    const std::int64_t size = (*sizes)[k];
    if (size < 1 || size > x.shape[axis] - begin) malformed("its sizes don't fit " + to_string(x.shape));
    define(
        emit_picked(x, Picked(select_slice(x.shape, {begin}, {begin + size}, {static_cast<std::int64_t>(axis)}, {1}))),
        k);
    begin += size;
  }
  if (begin != x.shape[axis]) malformed("its sizes don't fit " + to_string(x.shape));
}

}  // namespace blindsight::nn
