#include "blindsight/base/bytes.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "blindsight/base/error.h"

namespace blindsight {

__extension__ using Wide = unsigned __int128;  // a word of any width and up to 7 bits left over from the one before

static_assert(std::endian::native == std::endian::little, "the packed readers and writers assume little-endian words");

void ByteWriter::put(std::uint64_t v, int bytes) {
  for (int i = 0; i < bytes; ++i) bytes_.push_back(static_cast<std::uint8_t>(v >> (8 * i)));
}

void ByteWriter::raw(std::span<const std::uint8_t> data) { bytes_.insert(bytes_.end(), data.begin(), data.end()); }

void ByteWriter::f64(double v) { u64(std::bit_cast<std::uint64_t>(v)); }

void ByteWriter::text(std::string_view s) {
  u32(static_cast<std::uint32_t>(s.size()));
  bytes_.insert(bytes_.end(), s.begin(), s.end());
}

std::span<std::uint8_t> ByteWriter::extend(std::size_t size) {
  bytes_.resize(bytes_.size() + size);
  return std::span(bytes_).last(size);
}

void ByteWriter::packed(std::span<const std::uint64_t> words, unsigned bits) {
  pack_words(extend(packed_size(words.size(), bits)), words, bits);
}

void pack_words(std::span<std::uint8_t> out, std::span<const std::uint64_t> words, unsigned bits) {
  const std::uint64_t mask = bits == 64 ? ~0ULL : (1ULL << bits) - 1;
  std::uint8_t* to = out.data();
  std::uint64_t pending = 0;
  unsigned have = 0;  // bits of `pending` in use, below 64
  for (const std::uint64_t word : words) {
    const std::uint64_t w = word & mask;
    pending |= w << have;
    have += bits;
    if (have >= 64) {
      std::memcpy(to, &pending, 8);
      to += 8;
      have -= 64;
      pending = have == 0 ? 0 : w >> (bits - have);
    }
  }
  std::memcpy(to, &pending, (have + 7) / 8);
}

void unpack_words(std::span<std::uint64_t> out, std::span<const std::uint8_t> in, unsigned bits) {
  const std::uint64_t mask = bits == 64 ? ~0ULL : (1ULL << bits) - 1;
  std::size_t i = 0;
  if (bits <= 57) {  // eight bytes hold any word and the up to seven bits before it
    for (std::size_t at = 0; i < out.size() && at / 8 + 8 <= in.size(); ++i, at += bits) {
      std::uint64_t window;
      std::memcpy(&window, in.data() + at / 8, 8);
      out[i] = (window >> (at % 8)) & mask;
    }
  }
  for (; i < out.size(); ++i) {
    const std::size_t at = i * bits;
    Wide window = 0;
    std::memcpy(&window, in.data() + at / 8, std::min<std::size_t>(9, in.size() - at / 8));
    out[i] = static_cast<std::uint64_t>(window >> (at % 8)) & mask;
  }
}

void ByteReader::fail(const std::string& reason) const { throw FormatError(what_ + ": " + reason); }

std::span<const std::uint8_t> ByteReader::raw(std::size_t size) {
  if (size > remaining()) {
    fail("truncated: " + std::to_string(size) + " more bytes expected, " + std::to_string(remaining()) + " left");
  }
  auto part = data_.subspan(pos_, size);
  pos_ += size;
  return part;
}

std::uint64_t ByteReader::get(int bytes) {
  auto part = raw(static_cast<std::size_t>(bytes));
  std::uint64_t v = 0;
  for (int i = 0; i < bytes; ++i) v |= static_cast<std::uint64_t>(part[static_cast<std::size_t>(i)]) << (8 * i);
  return v;
}

std::uint8_t ByteReader::u8() { return static_cast<std::uint8_t>(get(1)); }
std::uint16_t ByteReader::u16() { return static_cast<std::uint16_t>(get(2)); }
std::uint32_t ByteReader::u32() { return static_cast<std::uint32_t>(get(4)); }
std::uint64_t ByteReader::u64() { return get(8); }
double ByteReader::f64() { return std::bit_cast<double>(u64()); }

std::string ByteReader::text(std::size_t max_size) {
  const std::size_t size = u32();
  if (size > max_size) fail("a text of " + std::to_string(size) + " bytes is longer than allowed");
  auto part = raw(size);
  return std::string(part.begin(), part.end());
}

void ByteReader::packed(std::span<std::uint64_t> out, unsigned bits) {
  if (bits == 0 || bits > 64) fail("a word width of " + std::to_string(bits) + " bits");
  unpack_words(out, raw(packed_size(out.size(), bits)), bits);
}

std::size_t ByteReader::count(std::size_t min_item_bytes) {
  const std::size_t items = u32();
  if (min_item_bytes > 0 && items > remaining() / min_item_bytes) {
    fail("truncated: " + std::to_string(items) + " items announced, too few bytes left for them");
  }
  return items;
}

void ByteReader::finish() const {
  if (remaining() > 0) fail(std::to_string(remaining()) + " bytes too many");
}

}  // namespace blindsight
