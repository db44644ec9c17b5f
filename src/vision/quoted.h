// Paths in messages.
#pragma once

#include <filesystem>
#include <string>

namespace blindsight::vision {

/// The path between single quotes. Appended step by step: GCC 12 warns wrongly of "'" + text.
inline std::string quoted(const std::filesystem::path& path) {
  std::string out(1, '\'');
  out += path.string();
  out += '\'';
  return out;
}

}  // namespace blindsight::vision
