// Whole files, read with a size limit and written all or nothing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>

#include "blindsight/base/bytes.h"

namespace blindsight {

inline constexpr std::uint64_t kMaxFileBytes = std::uint64_t{8} << 30;

/// The file's bytes. Throws IoError where it is missing, not a regular file, or larger than `max_size`.
Bytes read_file(const std::filesystem::path& path, std::uint64_t max_size = kMaxFileBytes);

/// A file's bytes where they lie, read as they are touched. Meanwhile the file may be replaced, as FileWriter does, but
/// not changed in place or cut short.
class MappedFile {
 public:
  /// Throws IoError as read_file does.
  explicit MappedFile(const std::filesystem::path& path, std::uint64_t max_size = kMaxFileBytes);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  std::span<const std::uint8_t> bytes() const { return {data_, size_}; }
  /// Gives the memory back that a part of bytes() takes, as far as whole pages go; touched again, it is read again.
  void forget(std::span<const std::uint8_t> part) const;

 private:
  const std::uint8_t* data_ = nullptr;
  std::size_t size_ = 0;
};

/// Writes beside the target, piece by piece, and renames in the end, so that no half-written file is ever seen.
class FileWriter {
 public:
  /// Makes the folders. `secret` files get mode 0600. Throws IoError, as all methods.
  explicit FileWriter(const std::filesystem::path& path, bool secret = false);
  /// Leaves nothing behind unless commit() was called.
  ~FileWriter();
  FileWriter(const FileWriter&) = delete;
  FileWriter& operator=(const FileWriter&) = delete;
  void write(std::span<const std::uint8_t> data);
  void commit();

 private:
  [[noreturn]] void fail(const char* step) const;
  std::filesystem::path path_;
  std::string temporary_;
  bool secret_;
  int file_ = -1;
};

/// All in one.
void write_file(const std::filesystem::path& path, std::span<const std::uint8_t> data, bool secret = false);

}  // namespace blindsight
