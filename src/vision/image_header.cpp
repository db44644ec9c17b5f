#include "blindsight/vision/image_header.h"

#include <algorithm>
#include <cctype>
#include <cstdlib>

#include "blindsight/base/error.h"
#include "blindsight/vision/image.h"

namespace blindsight::vision {
namespace {

using Format = ImageHeader::Format;

/// The header with the most pixels that one byte of such a file can stand for.
struct Probe {
  ImageHeader header;
  std::uint64_t pixels_per_byte;
};

class HeaderReader {
 public:
  HeaderReader(std::span<const std::uint8_t> bytes, const std::string& what) : bytes_(bytes), what_(what) {}

  Probe read() {
    if (starts_with({0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'})) return png();
    if (starts_with({0xff, 0xd8, 0xff})) return jpeg();
    if (starts_with({'B', 'M'})) return bmp();
    if (bytes_.size() > 2 && bytes_[0] == 'P' && bytes_[1] >= '1' && bytes_[1] <= '6' && std::isspace(bytes_[2])) {
      return pnm();
    }
    fail("is not a PNG, JPEG, PGM, PPM or BMP image");
  }

  [[noreturn]] void fail(const std::string& reason) const { throw FormatError(what_ + " " + reason); }

 private:
  bool starts_with(std::initializer_list<std::uint8_t> magic) const {
    return bytes_.size() >= magic.size() && std::equal(magic.begin(), magic.end(), bytes_.begin());
  }

  std::uint8_t byte(std::size_t pos) const {
    if (pos >= bytes_.size()) fail("is cut short inside its header");
    return bytes_[pos];
  }
  std::uint64_t big_endian(std::size_t pos, int size) const {
    std::uint64_t v = 0;
    for (int i = 0; i < size; ++i) v = v << 8 | byte(pos + i);
    return v;
  }
  std::uint64_t little_endian(std::size_t pos, int size) const {
    std::uint64_t v = 0;
    for (int i = size; i-- > 0;) v = v << 8 | byte(pos + i);
    return v;
  }

  Probe png() const {
    if (big_endian(12, 4) != 0x49484452) fail("is a PNG file without an IHDR chunk");
    const std::uint64_t depth = byte(24);
    const std::uint64_t type = byte(25);
    const std::uint64_t samples = type == 2 ? 3 : type == 6 ? 4 : type == 4 ? 2 : 1;
    const std::uint64_t bits = std::max<std::uint64_t>(1, depth * samples);
    // Deflate expands at most 1032 to 1.
    return {{Format::kPng, big_endian(16, 4), big_endian(20, 4)}, std::max<std::uint64_t>(1, 1032 * 8 / bits)};
  }

  Probe jpeg() const {
    std::size_t pos = 2;
    while (true) {
      if (byte(pos) != 0xff) fail("is a damaged JPEG file: a marker is missing");
      const std::uint8_t marker = byte(pos + 1);
      if (marker == 0xff) {  // padding
        ++pos;
        continue;
      }
      const bool frame = marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 && marker != 0xcc;
      if (frame) break;
      if (marker == 0xda || marker == 0xd9) fail("is a damaged JPEG file: it has no frame header");
      pos += 2;
      if (marker == 0x01 || (marker >= 0xd0 && marker <= 0xd7)) continue;  // no length
      const std::uint64_t length = big_endian(pos, 2);
      if (length < 2) fail("is a damaged JPEG file: a segment has no length");
      pos += length;
    }
    constexpr std::uint8_t kEnd[] = {0xff, 0xd9};
    const auto frame = bytes_.subspan(pos);
    if (std::search(frame.begin(), frame.end(), std::begin(kEnd), std::end(kEnd)) == frame.end()) {
      fail("is a JPEG file cut short");
    }
    // At least one bit for each block of 64 pixels.
    return {{Format::kJpeg, big_endian(pos + 7, 2), big_endian(pos + 5, 2)}, 512};
  }

  Probe bmp() const {
    const std::uint64_t header = little_endian(14, 4);
    if (header == 12) return {{Format::kBmp, little_endian(18, 2), little_endian(20, 2)}, 8};
    if (header < 40) fail("is a BMP file with an unknown header");
    const auto width = static_cast<std::int32_t>(little_endian(18, 4));
    const auto height = static_cast<std::int64_t>(static_cast<std::int32_t>(little_endian(22, 4)));
    if (width < 0) fail("is a BMP file of negative width");
    // Run-length coding: up to 255 pixels in two bytes. A height below zero means rows from the top.
    return {{Format::kBmp, static_cast<std::uint64_t>(width), static_cast<std::uint64_t>(std::abs(height))}, 128};
  }

  Probe pnm() const {
    std::size_t pos = 2;
    const char type = static_cast<char>(bytes_[1]);
    const std::uint64_t width = pnm_number(pos);
    const std::uint64_t height = pnm_number(pos);
    const bool bitmap = type == '1' || type == '4';
    if (!bitmap) {
      const std::uint64_t white = pnm_number(pos);
      if (white != 255 && white != 65535) {
        fail("has the white value " + std::to_string(white) + ": save it with 255 or 65535");
      }
    }
    return {{Format::kPnm, width, height}, bitmap ? 8u : 1u};
  }

  std::uint64_t pnm_number(std::size_t& pos) const {
    while (std::isspace(byte(pos)) || byte(pos) == '#') {
      if (byte(pos) == '#') {
        while (byte(pos) != '\n') ++pos;
      }
      ++pos;
    }
    std::uint64_t v = 0;
    if (!std::isdigit(byte(pos))) fail("is a damaged PNM file: a number is missing from its header");
    for (; std::isdigit(byte(pos)); ++pos) {
      v = v * 10 + (byte(pos) - '0');
      if (v > (std::uint64_t{1} << 31)) fail("is a damaged PNM file: a number in its header is too large");
    }
    return v;
  }

  std::span<const std::uint8_t> bytes_;
  const std::string& what_;
};

}  // namespace

ImageHeader read_image_header(std::span<const std::uint8_t> bytes, const std::string& what) {
  HeaderReader reader(bytes, what);
  const auto [header, pixels_per_byte] = reader.read();
  const std::string size = std::to_string(header.width) + "x" + std::to_string(header.height);
  if (header.width == 0 || header.height == 0) reader.fail("has no pixels: its size is " + size);
  if (header.width > kMaxPixels || header.height > kMaxPixels || header.width * header.height > kMaxPixels) {
    reader.fail("is too large: " + size + " pixels, at most " + std::to_string(kMaxPixels) + " are read");
  }
  if (header.width * header.height > bytes.size() * pixels_per_byte) {
    reader.fail("is cut short: " + size + " pixels can't come from " + std::to_string(bytes.size()) + " bytes");
  }
  return header;
}

}  // namespace blindsight::vision
