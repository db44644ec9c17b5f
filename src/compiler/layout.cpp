#include "blindsight/compiler/layout.h"

#include <algorithm>
#include <bit>

namespace blindsight::compiler {

unsigned log_period_of(const Layout& layout) {
  auto bits = static_cast<unsigned>(std::countr_zero(layout.element.size()));
  const auto repeats = [&](unsigned log_half) {
    const auto half = layout.element.begin() + (std::ptrdiff_t{1} << log_half);
    return std::equal(layout.element.begin(), half, half);
  };
  while (bits > 0 && repeats(bits - 1)) --bits;
  return bits;
}

void write(ByteWriter& out, const Layout& layout) {
  for (const std::int32_t element : layout.element) out.u32(static_cast<std::uint32_t>(element));
}

Layout read_layout(ByteReader& in, std::size_t slots, std::size_t elements) {
  if (slots > in.remaining() / 4) in.fail("the layout of " + std::to_string(slots) + " slots is cut short");
  Layout layout;
  layout.element.reserve(slots);
  for (std::size_t i = 0; i < slots; ++i) {
    const auto element = static_cast<std::int32_t>(in.u32());
    if (element < kAnything || (element >= 0 && static_cast<std::size_t>(element) >= elements)) {
      in.fail("slot " + std::to_string(i) + " of a layout holds element " + std::to_string(element) + " of " +
              std::to_string(elements));
    }
    layout.element.push_back(element);
  }
  return layout;
}

}  // namespace blindsight::compiler
