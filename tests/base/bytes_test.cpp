#include "blindsight/base/bytes.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>

#include "blindsight/base/error.h"

namespace blindsight {
namespace {

std::uint64_t low_bits(unsigned bits) { return bits == 64 ? ~0ULL : (1ULL << bits) - 1; }

TEST(Bytes, ValuesAreLittleEndian) {
  ByteWriter w;
  w.u8(0x01);
  w.u16(0x0203);
  w.u32(0x04050607);
  w.u64(0x08090a0b0c0d0e0fULL);
  const Bytes expected{0x01, 0x03, 0x02, 0x07, 0x06, 0x05, 0x04, 0x0f, 0x0e, 0x0d, 0x0c, 0x0b, 0x0a, 0x09, 0x08};
  EXPECT_EQ(w.bytes(), expected);
}

TEST(Bytes, ValuesComeBack) {
  ByteWriter w;
  w.u8(0xff);
  w.u16(0xfffe);
  w.u32(0xfffffffd);
  w.u64(~0ULL - 3);
  w.f64(-0.0);
  w.f64(std::numeric_limits<double>::denorm_min());
  w.f64(std::numeric_limits<double>::infinity());
  w.text("");
  w.text("kept: \xc3\xa4, \n");
  w.raw(Bytes{1, 2, 3});
  const Bytes data = w.take();

  ByteReader r(data, "test");
  EXPECT_EQ(r.u8(), 0xff);
  EXPECT_EQ(r.u16(), 0xfffe);
  EXPECT_EQ(r.u32(), 0xfffffffdu);
  EXPECT_EQ(r.u64(), ~0ULL - 3);
  EXPECT_TRUE(std::signbit(r.f64()));
  EXPECT_EQ(r.f64(), std::numeric_limits<double>::denorm_min());
  EXPECT_EQ(r.f64(), std::numeric_limits<double>::infinity());
  EXPECT_EQ(r.text(), "");
  EXPECT_EQ(r.text(), "kept: \xc3\xa4, \n");
  EXPECT_EQ(r.remaining(), 3u);
  const auto rest = r.raw(3);
  EXPECT_EQ(Bytes(rest.begin(), rest.end()), (Bytes{1, 2, 3}));
  EXPECT_NO_THROW(r.finish());
}

class Packed : public testing::TestWithParam<unsigned> {};

TEST_P(Packed, RoundTripAtEveryCount) {
  const unsigned bits = GetParam();
  std::mt19937_64 random(bits);
  for (std::size_t count = 0; count <= 67; ++count) {
    std::vector<std::uint64_t> words(count);
    for (auto& word : words) word = random() & low_bits(bits);
    if (count > 0) words.front() = low_bits(bits);  // all ones beside zeros: leaks would show
    if (count > 1) words.back() = 0;
    ByteWriter w;
    w.u8(0xa5);
    w.packed(words, bits);
    w.u8(0x5a);
    const Bytes data = w.take();
    ASSERT_EQ(data.size(), packed_size(count, bits) + 2);

    ByteReader r(data, "test");
    EXPECT_EQ(r.u8(), 0xa5);
    std::vector<std::uint64_t> back(count, ~0ULL);
    r.packed(back, bits);
    EXPECT_EQ(back, words) << count << " words";
    EXPECT_EQ(r.u8(), 0x5a);
    r.finish();
  }
}

TEST_P(Packed, HighBitsAreLeftOut) {
  const unsigned bits = GetParam();
  const std::vector<std::uint64_t> words(5, ~0ULL);
  ByteWriter w;
  w.packed(words, bits);
  ByteReader r(w.bytes(), "test");
  std::vector<std::uint64_t> back(5);
  r.packed(back, bits);
  for (auto word : back) EXPECT_EQ(word, low_bits(bits));
}

TEST_P(Packed, OneByteLessIsTruncated) {
  const unsigned bits = GetParam();
  const std::vector<std::uint64_t> words(9, 1);
  ByteWriter w;
  w.packed(words, bits);
  Bytes data = w.take();
  data.pop_back();
  ByteReader r(data, "test");
  std::vector<std::uint64_t> back(9);
  EXPECT_THROW(r.packed(back, bits), FormatError);
}

INSTANTIATE_TEST_SUITE_P(AllWidths, Packed, testing::Range(1u, 65u));

TEST(Bytes, PackedIsTheNumberInBase2) {
  ByteWriter w;
  w.packed(std::vector<std::uint64_t>{0b101, 0b011, 0b110}, 3);  // 110 011 101, first word lowest
  EXPECT_EQ(w.bytes(), (Bytes{0b10011101, 0b1}));
}

TEST(Bytes, PackedRefusesOtherWidths) {
  const Bytes data(64);
  ByteReader r(data, "test");
  std::vector<std::uint64_t> words(1);
  EXPECT_THROW(r.packed(words, 0), FormatError);
  EXPECT_THROW(r.packed(words, 65), FormatError);
}

TEST(Bytes, TruncationNamesWhatAndHowMuch) {
  const Bytes data{1, 2, 3};
  ByteReader r(data, "secret key 'k'");
  try {
    r.u32();
    FAIL() << "no exception";
  } catch (const FormatError& e) {
    const std::string message = e.what();
    EXPECT_NE(message.find("secret key 'k'"), std::string::npos) << message;
    EXPECT_NE(message.find("truncated"), std::string::npos) << message;
    EXPECT_NE(message.find('3'), std::string::npos) << message;
  }
}

TEST(Bytes, EveryReadThrowsAtTheEnd) {
  const Bytes data;
  ByteReader r(data, "test");
  EXPECT_THROW(r.u8(), FormatError);
  EXPECT_THROW(r.u16(), FormatError);
  EXPECT_THROW(r.u32(), FormatError);
  EXPECT_THROW(r.u64(), FormatError);
  EXPECT_THROW(r.f64(), FormatError);
  EXPECT_THROW(r.text(), FormatError);
  EXPECT_THROW(r.raw(1), FormatError);
  EXPECT_THROW(r.count(1), FormatError);
  EXPECT_NO_THROW(r.raw(0));
  EXPECT_NO_THROW(r.finish());
}

TEST(Bytes, ARefusedReadMovesNothing) {
  const Bytes data{7, 0, 0};
  ByteReader r(data, "test");
  EXPECT_THROW(r.u32(), FormatError);
  EXPECT_EQ(r.u8(), 7);
}

TEST(Bytes, RawRefusesSizesThatWouldWrap) {
  const Bytes data(8);
  ByteReader r(data, "test");
  r.u8();
  EXPECT_THROW(r.raw(std::numeric_limits<std::size_t>::max()), FormatError);
}

TEST(Bytes, TextHasALimit) {
  ByteWriter w;
  w.text("twelve bytes");
  ByteReader generous(w.bytes(), "test");
  EXPECT_EQ(generous.text(12), "twelve bytes");
  ByteReader strict(w.bytes(), "test");
  EXPECT_THROW(strict.text(11), FormatError);
}

TEST(Bytes, TextLongerThanTheDataIsRefusedBeforeAllocation) {
  ByteWriter w;
  w.u32(0xffffffff);
  ByteReader r(w.bytes(), "test");
  EXPECT_THROW(r.text(std::numeric_limits<std::size_t>::max()), FormatError);
}

TEST(Bytes, CountIsBoundedByWhatFollows) {
  ByteWriter w;
  w.u32(3);
  w.raw(Bytes(24));
  {
    ByteReader r(w.bytes(), "test");
    EXPECT_EQ(r.count(8), 3u);
  }
  {
    ByteReader r(w.bytes(), "test");
    EXPECT_THROW(r.count(9), FormatError);
  }
  ByteWriter huge;
  huge.u32(0xffffffff);
  huge.raw(Bytes(100));
  ByteReader r(huge.bytes(), "test");
  EXPECT_THROW(r.count(1), FormatError);
}

TEST(Bytes, FinishRefusesLeftovers) {
  const Bytes data{1, 2};
  ByteReader r(data, "test");
  r.u8();
  EXPECT_THROW(r.finish(), FormatError);
}

}  // namespace
}  // namespace blindsight
