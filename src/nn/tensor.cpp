#include "blindsight/nn/tensor.h"

#include "blindsight/base/error.h"

namespace blindsight::nn {

std::int64_t element_count(const Shape& shape) {
  std::int64_t count = 1;
  for (const std::int64_t extent : shape) {
    if (extent < 1) throw InvalidArgument("shape " + to_string(shape) + " has an extent below 1");
    if (extent > kMaxElements / count) {
      throw InvalidArgument("shape " + to_string(shape) + " has more than " + std::to_string(kMaxElements) +
                            " elements");
    }
    count *= extent;
  }
  return count;
}

std::string to_string(const Shape& shape) {
  if (shape.empty()) return "scalar";
  std::string text;
  for (const std::int64_t extent : shape) text += (text.empty() ? "" : "x") + std::to_string(extent);
  return text;
}

}  // namespace blindsight::nn
