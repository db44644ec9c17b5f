#include "blindsight/vision/muted.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <sstream>
#include <string_view>

namespace blindsight::vision {
namespace {

std::mutex& one_at_a_time() {
  static std::mutex mutex;
  return mutex;
}

/// How libpng's and libjpeg's messages (jerror.h) about damaged data begin.
constexpr std::array<std::string_view, 12> kComplaints{
    "libpng ",  "Corrupt JPEG data", "Premature end of ", "Invalid SOS parameters", "Unsupported ",    "Warning: ",
    "Invalid ", "Inconsistent ",     "Application trans", "Unknown Adobe",          "Not a JPEG file", "Bogus "};

}  // namespace

bool is_decoder_complaint(const std::string& line) {
  return std::any_of(kComplaints.begin(), kComplaints.end(),
                     [&](std::string_view start) { return line.starts_with(start); });
}

MutedStderr::MutedStderr() : lock_(one_at_a_time()) {
  std::fflush(stderr);
  buffer_ = memfd_create("blindsight-stderr", MFD_CLOEXEC);
  if (buffer_ < 0) return;  // then the complaints are seen
  saved_ = dup(STDERR_FILENO);
  if (saved_ >= 0) dup2(buffer_, STDERR_FILENO);
}

std::string MutedStderr::text() const {
  std::fflush(stderr);
  std::string all;
  if (buffer_ < 0) return all;
  std::array<char, 4096> piece;
  for (off_t at = 0;;) {
    const ssize_t got = pread(buffer_, piece.data(), piece.size(), at);
    if (got <= 0) return all;
    all.append(piece.data(), static_cast<std::size_t>(got));
    at += got;
  }
}

MutedStderr::~MutedStderr() {
  const std::string all = text();
  if (saved_ >= 0) {
    dup2(saved_, STDERR_FILENO);
    close(saved_);
  }
  if (buffer_ >= 0) close(buffer_);
  std::istringstream lines(all);
  for (std::string line; std::getline(lines, line);) {
    if (!line.empty() && !is_decoder_complaint(line)) std::fprintf(stderr, "%s\n", line.c_str());
  }
}

}  // namespace blindsight::vision
