#include "blindsight/base/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>

#include "blindsight/base/error.h"

namespace blindsight {

namespace fs = std::filesystem;

Bytes read_file(const fs::path& path, std::uint64_t max_size) {
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
  std::ifstream in(path, std::ios::binary);
  if (!in) throw IoError("'" + path.string() + "' can't be opened: " + std::strerror(errno));
  Bytes data(size);
  in.read(reinterpret_cast<char*>(data.data()), static_cast<std::streamsize>(size));
  if (static_cast<std::uint64_t>(in.gcount()) != size) throw IoError("'" + path.string() + "' could not be read whole");
  return data;
}

void write_file(const fs::path& path, std::span<const std::uint8_t> data, bool secret) {
  if (path.has_parent_path()) {
    std::error_code ec;
    fs::create_directories(path.parent_path(), ec);
    if (ec) throw IoError("'" + path.parent_path().string() + "' can't be made: " + ec.message());
  }
  std::string temporary = path.string() + ".XXXXXX";
  const int fd = ::mkstemp(temporary.data());  // mode 0600 from the start
  if (fd < 0) throw IoError("'" + path.string() + "' can't be written: " + std::strerror(errno));
  const auto give_up = [&](const char* step) {
    const std::string reason = std::strerror(errno);
    ::close(fd);
    ::unlink(temporary.c_str());
    throw IoError("'" + path.string() + "': " + step + " failed: " + reason);
  };
  std::size_t done = 0;
  while (done < data.size()) {
    const ssize_t n = ::write(fd, data.data() + done, data.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) give_up("writing");
    done += static_cast<std::size_t>(n);
  }
  if (!secret) {
    const mode_t mask = ::umask(0);
    ::umask(mask);
    if (::fchmod(fd, 0666 & ~mask) != 0) give_up("setting the mode");
  }
  if (::fsync(fd) != 0 && errno != EINVAL) give_up("flushing");
  ::close(fd);
  if (::rename(temporary.c_str(), path.c_str()) != 0) {
    const std::string reason = std::strerror(errno);
    ::unlink(temporary.c_str());
    throw IoError("'" + path.string() + "': renaming failed: " + reason);
  }
}

}  // namespace blindsight
