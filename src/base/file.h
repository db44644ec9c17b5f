// Whole files, read with a size limit and written all or nothing.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>

#include "blindsight/base/bytes.h"

namespace blindsight {

/// The file's bytes. Throws IoError where it is missing, not a regular file, or larger than `max_size`.
Bytes read_file(const std::filesystem::path& path, std::uint64_t max_size = std::uint64_t{8} << 30);

/// Writes beside the target and renames, so that no half-written file is ever seen. `secret` files get mode 0600.
void write_file(const std::filesystem::path& path, std::span<const std::uint8_t> data, bool secret = false);

}  // namespace blindsight
