// Compressed pieces of a file: a small file must not take much memory, whatever it claims.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "blindsight/base/bytes.h"

namespace blindsight::compiler {

/// A piece as it is stored: compressed by zstd where it is shorter than `size`, plain otherwise.
struct PackedBlock {
  std::span<const std::uint8_t> stored;
  std::uint64_t size = 0;  ///< when inflated
};

/// Count, sizes, then the pieces, each compressed by itself. A piece that would let the pieces so far inflate to more
/// than 4 MiB + 64 times their stored size is stored plain instead.
void write_blocks(ByteWriter& out, std::span<const Bytes> blocks);

/// All that is left in `in`; the bytes must outlive the result. Every size is checked, the rule above included, before
/// anything is allocated. Throws FormatError.
std::vector<PackedBlock> read_blocks(ByteReader& in);

/// The piece's bytes. Throws FormatError, naming `what`, where it is damaged.
Bytes inflate(const PackedBlock& block, const char* what);

}  // namespace blindsight::compiler
