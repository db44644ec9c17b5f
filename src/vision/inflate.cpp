#include "blindsight/vision/inflate.h"

#include <lzma.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <limits>
#include <memory>

#include "blindsight/base/error.h"

namespace blindsight::vision {
namespace {

constexpr std::size_t kChunk = 1 << 16;

[[noreturn]] void fail(const std::string& what, const std::string& reason) { throw FormatError(what + " " + reason); }

/// Collects chunks up to a limit.
class Sink {
 public:
  Sink(std::uint64_t max_size, const std::string& what) : max_size_(max_size), what_(what) {}
  std::uint8_t* chunk() { return chunk_.data(); }
  void accept(std::size_t size) {
    if (size > max_size_ - out_.size()) {
      fail(what_, "unpacks to more than the " + std::to_string(max_size_) + " bytes that such a file may hold");
    }
    out_.insert(out_.end(), chunk_.begin(), chunk_.begin() + static_cast<std::ptrdiff_t>(size));
  }
  Bytes take() { return std::move(out_); }

 private:
  std::uint64_t max_size_;
  const std::string& what_;
  std::array<std::uint8_t, kChunk> chunk_;
  Bytes out_;
};

}  // namespace

Bytes gunzip(std::span<const std::uint8_t> packed, std::uint64_t max_size, const std::string& what) {
  if (packed.size() > std::numeric_limits<uInt>::max()) fail(what, "is too large for a .gz file");
  z_stream stream{};
  if (inflateInit2(&stream, 15 + 16) != Z_OK) throw Error("zlib can't be set up");
  const std::unique_ptr<z_stream, int (*)(z_stream*)> guard(&stream, inflateEnd);
  stream.next_in = const_cast<Bytef*>(packed.data());
  stream.avail_in = static_cast<uInt>(packed.size());
  Sink sink(max_size, what);
  int status = Z_OK;
  while (status != Z_STREAM_END) {
    stream.next_out = sink.chunk();
    stream.avail_out = kChunk;
    status = inflate(&stream, Z_NO_FLUSH);
    if (status == Z_BUF_ERROR) fail(what, "is cut short");
    if (status != Z_OK && status != Z_STREAM_END) fail(what, "is not a sound .gz file");
    sink.accept(kChunk - stream.avail_out);
  }
  if (stream.avail_in != 0) fail(what, "has bytes after its end");
  return sink.take();
}

Bytes unxz(std::span<const std::uint8_t> packed, std::uint64_t max_size, const std::string& what) {
  lzma_stream stream = LZMA_STREAM_INIT;
  if (lzma_stream_decoder(&stream, std::uint64_t{256} << 20, 0) != LZMA_OK) throw Error("liblzma can't be set up");
  const std::unique_ptr<lzma_stream, void (*)(lzma_stream*)> guard(&stream, lzma_end);
  stream.next_in = packed.data();
  stream.avail_in = packed.size();
  Sink sink(max_size, what);
  lzma_ret status = LZMA_OK;
  while (status != LZMA_STREAM_END) {
    stream.next_out = sink.chunk();
    stream.avail_out = kChunk;
    status = lzma_code(&stream, LZMA_FINISH);
    if (status == LZMA_BUF_ERROR) fail(what, "is cut short");
    if (status == LZMA_MEMLIMIT_ERROR) fail(what, "needs more memory to unpack than is allowed");
    if (status != LZMA_OK && status != LZMA_STREAM_END) fail(what, "is not a sound .xz file");
    sink.accept(kChunk - stream.avail_out);
  }
  if (stream.avail_in != 0) fail(what, "has bytes after its end");
  return sink.take();
}

}  // namespace blindsight::vision
