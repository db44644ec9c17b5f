// A file from the web, into memory.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "blindsight/base/bytes.h"

namespace blindsight::vision {

/// Bytes so far, bytes in all (0: not known).
using DownloadProgress = std::function<void(std::uint64_t done, std::uint64_t total)>;

/// The body that an http or https address answers with (libcurl; up to five redirections; TLS certificates checked).
/// Throws IoError, naming the address, on any failure, a stall of a minute, or a body of more than `max_size` bytes.
Bytes download(const std::string& url, std::uint64_t max_size, const DownloadProgress& progress = {});

}  // namespace blindsight::vision
