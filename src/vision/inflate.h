// Decompression that never gives more than it is asked to.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "blindsight/base/bytes.h"

namespace blindsight::vision {

/// The content of a whole .gz file (zlib). Throws FormatError, naming `what`, where it is damaged or cut short or where
/// bytes follow it, or where the content is larger than `max_size` bytes.
Bytes gunzip(std::span<const std::uint8_t> packed, std::uint64_t max_size, const std::string& what);

/// The same for an .xz file (liblzma), with at most 256 MiB of memory for the decoder.
Bytes unxz(std::span<const std::uint8_t> packed, std::uint64_t max_size, const std::string& what);

}  // namespace blindsight::vision
