#include "blindsight/base/file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>

#include "blindsight/base/error.h"

namespace blindsight {

namespace fs = std::filesystem;

namespace {

std::uint64_t checked_size(const fs::path& path, std::uint64_t max_size) {
  std::error_code ec;
  const auto status = fs::status(path, ec);
  if (!fs::exists(status)) throw IoError("'" + path.string() + "' does not exist");
  if (!fs::is_regular_file(status)) throw IoError("'" + path.string() + "' is not a regular file");
  const auto size = fs::file_size(path, ec);
  if (ec) throw IoError("'" + path.string() + "': " + ec.message());
  if (size > max_size) {
    throw IoError("'" + path.string() + "' has " + std::to_string(size) + " bytes, more than the " +
                  std::to_string(max_size) + " that such a file may have");
  }
  return size;
}

}  // namespace

Bytes read_file(const fs::path& path, std::uint64_t max_size) {
  const std::uint64_t size = checked_size(path, max_size);
  std::ifstream in(path, std::ios::binary);
  if (!in) throw IoError("'" + path.string() + "' can't be opened: " + std::strerror(errno));
  Bytes data(size);
  in.read(reinterpret_cast<char*>(data.data()), static_cast<std::streamsize>(size));
  if (static_cast<std::uint64_t>(in.gcount()) != size) throw IoError("'" + path.string() + "' could not be read whole");
  return data;
}

MappedFile::MappedFile(const fs::path& path, std::uint64_t max_size) {
  checked_size(path, max_size);
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) throw IoError("'" + path.string() + "' can't be opened: " + std::strerror(errno));
  // The size of what was opened: another file may have taken the name in between.
  struct stat info {};
  const bool sound = ::fstat(file, &info) == 0 && S_ISREG(info.st_mode) && info.st_size >= 0 &&
                     static_cast<std::uint64_t>(info.st_size) <= max_size;
  void* mapped = nullptr;
  if (sound && info.st_size > 0) {
    size_ = static_cast<std::size_t>(info.st_size);
    mapped = ::mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, file, 0);
  }
  ::close(file);
  if (!sound) throw IoError("'" + path.string() + "' changed while it was opened");
  if (mapped == MAP_FAILED) throw IoError("'" + path.string() + "' can't be mapped: " + std::strerror(errno));
  data_ = static_cast<const std::uint8_t*>(mapped);
  if (size_ > 0) ::madvise(mapped, size_, MADV_SEQUENTIAL);  // a hint: it may fail
}

MappedFile::~MappedFile() {
  if (size_ > 0) ::munmap(const_cast<std::uint8_t*>(data_), size_);
}

void MappedFile::forget(std::span<const std::uint8_t> part) const {
  const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  const auto first = static_cast<std::size_t>(part.data() - data_), last = first + part.size();
  const std::size_t begin = (first + page - 1) / page * page;
  const std::size_t end = last == size_ ? last : last / page * page;
  if (begin < end) ::madvise(const_cast<std::uint8_t*>(data_) + begin, end - begin, MADV_DONTNEED);
}

FileWriter::FileWriter(const fs::path& path, bool secret)
    : path_(path), temporary_(path.string() + ".XXXXXX"), secret_(secret) {
  if (path.has_parent_path()) {
    std::error_code ec;
    fs::create_directories(path.parent_path(), ec);
    if (ec) throw IoError("'" + path.parent_path().string() + "' can't be made: " + ec.message());
  }
  file_ = ::mkstemp(temporary_.data());  // mode 0600 from the start
  if (file_ < 0) throw IoError("'" + path.string() + "' can't be written: " + std::strerror(errno));
}

FileWriter::~FileWriter() {
  if (file_ < 0) return;
  ::close(file_);
  ::unlink(temporary_.c_str());
}

void FileWriter::fail(const char* step) const {
  throw IoError("'" + path_.string() + "': " + step + " failed: " + std::strerror(errno));
}

void FileWriter::write(std::span<const std::uint8_t> data) {
  while (!data.empty()) {
    const ssize_t n = ::write(file_, data.data(), data.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) fail("writing");
    data = data.subspan(static_cast<std::size_t>(n));
  }
}

void FileWriter::commit() {
  if (!secret_) {
    const mode_t mask = ::umask(0);
    ::umask(mask);
    if (::fchmod(file_, 0666 & ~mask) != 0) fail("setting the mode");
  }
  if (::fsync(file_) != 0 && errno != EINVAL) fail("flushing");
  if (::rename(temporary_.c_str(), path_.c_str()) != 0) fail("renaming");
  ::close(file_);
  file_ = -1;
}

void write_file(const fs::path& path, std::span<const std::uint8_t> data, bool secret) {
  FileWriter out(path, secret);
  out.write(data);
  out.commit();
}

}  // namespace blindsight
