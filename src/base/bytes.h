// Little-endian byte streams. The reader checks every length against what is left before it is used or allocated for.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace blindsight {

using Bytes = std::vector<std::uint8_t>;

/// Appends little-endian values to a growing buffer.
class ByteWriter {
 public:
  void u8(std::uint8_t v) { bytes_.push_back(v); }
  void u16(std::uint16_t v) { put(v, 2); }
  void u32(std::uint32_t v) { put(v, 4); }
  void u64(std::uint64_t v) { put(v, 8); }
  void f64(double v);
  void raw(std::span<const std::uint8_t> data);
  /// Length (u32) and characters.
  void text(std::string_view s);
  /// `bits` (1..64) low bits of every word, packed without gaps, the last byte zero-padded.
  void packed(std::span<const std::uint64_t> words, unsigned bits);
  /// Appends `size` zero bytes and returns them to be filled in; valid until the next call.
  std::span<std::uint8_t> extend(std::size_t size);

  const Bytes& bytes() const { return bytes_; }
  Bytes take() { return std::move(bytes_); }

 private:
  void put(std::uint64_t v, int bytes);
  Bytes bytes_;
};

/// Reads what ByteWriter wrote.
/// Every method throws FormatError, naming `what`, where the data end too early.
class ByteReader {
 public:
  ByteReader(std::span<const std::uint8_t> data, std::string what) : data_(data), what_(std::move(what)) {}
  std::uint8_t u8();
  std::uint16_t u16();
  std::uint32_t u32();
  std::uint64_t u64();
  double f64();
  std::span<const std::uint8_t> raw(std::size_t size);
  /// At most `max_size` characters.
  std::string text(std::size_t max_size = 1 << 20);
  /// `out.size()` words of `bits` bits each.
  void packed(std::span<std::uint64_t> out, unsigned bits);
  std::size_t remaining() const { return data_.size() - pos_; }
  /// A count (u32) of items of at least `min_item_bytes` each: refused where so many can't follow.
  std::size_t count(std::size_t min_item_bytes);
  /// Throws where bytes are left over.
  void finish() const;
  [[noreturn]] void fail(const std::string& reason) const;

 private:
  std::uint64_t get(int bytes);
  std::span<const std::uint8_t> data_;
  std::size_t pos_ = 0;
  std::string what_;
};

/// Bytes that `count` words of `bits` bits take when packed.
constexpr std::size_t packed_size(std::size_t count, unsigned bits) { return (count * bits + 7) / 8; }

/// Packs the low `bits` (1..64) bits of every word; `out` has packed_size(words.size(), bits) bytes.
void pack_words(std::span<std::uint8_t> out, std::span<const std::uint64_t> words, unsigned bits);
/// Undoes it; `in` has packed_size(out.size(), bits) bytes.
void unpack_words(std::span<std::uint64_t> out, std::span<const std::uint8_t> in, unsigned bits);

}  // namespace blindsight
