// What the tests of this room share: a folder that goes away, packers, and the folder of the real data sets.
#pragma once

#include <gtest/gtest.h>
#include <lzma.h>
#include <stdlib.h>
#include <zlib.h>

#include <cstdlib>
#include <filesystem>
#include <string>

#include "blindsight/base/bytes.h"
#include "blindsight/base/error.h"

namespace blindsight::vision {

/// A new folder, removed with all that is in it at the end.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "blindsight-vision-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) throw IoError("no temporary folder");
    path_ = name;
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  std::filesystem::path operator/(const std::filesystem::path& name) const { return path_ / name; }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

inline Bytes gzip(const Bytes& data) {
  z_stream stream{};
  deflateInit2(&stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
  Bytes out(data.size() + 1024);
  stream.next_in = const_cast<Bytef*>(data.data());
  stream.avail_in = static_cast<uInt>(data.size());
  stream.next_out = out.data();
  stream.avail_out = static_cast<uInt>(out.size());
  deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

inline Bytes xz(const Bytes& data) {
  Bytes out(lzma_stream_buffer_bound(data.size()));
  std::size_t size = 0;
  lzma_easy_buffer_encode(1, LZMA_CHECK_CRC32, nullptr, data.data(), data.size(), out.data(), &size, out.size());
  out.resize(size);
  return out;
}

/// An idx file of bytes with this shape.
inline Bytes idx(const std::vector<std::uint32_t>& shape, const Bytes& values) {
  Bytes out{0, 0, 8, static_cast<std::uint8_t>(shape.size())};
  for (const std::uint32_t n : shape) {
    for (int shift = 24; shift >= 0; shift -= 8) out.push_back(static_cast<std::uint8_t>(n >> shift));
  }
  out.insert(out.end(), values.begin(), values.end());
  return out;
}

/// $BLINDSIGHT_DATA, else the folder beside the checkout; empty where neither is there.
inline std::filesystem::path real_data() {
  const char* chosen = std::getenv("BLINDSIGHT_DATA");
  const std::filesystem::path path = chosen != nullptr ? chosen : BLINDSIGHT_SOURCE_DIR "/../shared/data";
  return std::filesystem::is_directory(path) ? path : std::filesystem::path{};
}

/// The message of the `Expected` that f() must throw.
template <typename Expected, typename F>
std::string message_of(F&& f) {
  try {
    f();
  } catch (const Expected& e) {
    return e.what();
  } catch (const std::exception& e) {
    ADD_FAILURE() << "another exception: " << e.what();
    return {};
  }
  ADD_FAILURE() << "nothing was thrown";
  return {};
}

}  // namespace blindsight::vision
