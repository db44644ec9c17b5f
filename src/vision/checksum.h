// Digests that tell one file from another.
#pragma once

#include <cstdint>
#include <span>
#include <string>

namespace blindsight::vision {

/// 64 lower-case hexadecimal digits.
std::string sha256_hex(std::span<const std::uint8_t> data);

/// 32 digits. Only where a publisher states nothing better: MD5 shows damage, not malice.
std::string md5_hex(std::span<const std::uint8_t> data);

}  // namespace blindsight::vision
