// Where the elements of a tensor live in the slots of a ciphertext.
#pragma once

#include <cstdint>
#include <vector>

#include "blindsight/base/bytes.h"

namespace blindsight::compiler {

/// A slot that is known to hold zero.
inline constexpr std::int32_t kZero = -1;
/// A slot that may hold anything: no weight may read it.
inline constexpr std::int32_t kAnything = -2;

/// element[slot]: index into the flattened tensor, kZero or kAnything. An element may stand in several slots.
struct Layout {
  std::vector<std::int32_t> element;
  bool operator==(const Layout&) const = default;
};

/// log2 of the shortest period of all its slots, whose number is a power of two.
unsigned log_period_of(const Layout& layout);

void write(ByteWriter& out, const Layout& layout);
/// Exactly `slots` entries, each below `elements`. Throws FormatError.
Layout read_layout(ByteReader& in, std::size_t slots, std::size_t elements);

}  // namespace blindsight::compiler
