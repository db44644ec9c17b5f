#include "blindsight/vision/inflate.h"

#include "blindsight/vision/checksum.h"
#include "support.h"

namespace blindsight::vision {
namespace {

Bytes pattern(std::size_t size) {
  Bytes out(size);
  std::uint32_t state = 1;
  for (auto& v : out) v = static_cast<std::uint8_t>((state = state * 1664525 + 1013904223) >> 28);
  return out;
}

using Pack = Bytes (*)(const Bytes&);
using Unpack = Bytes (*)(std::span<const std::uint8_t>, std::uint64_t, const std::string&);

class Inflate : public testing::TestWithParam<std::pair<Pack, Unpack>> {
 protected:
  Bytes pack(const Bytes& data) { return GetParam().first(data); }
  Bytes unpack(const Bytes& data, std::uint64_t max_size) { return GetParam().second(data, max_size, "it"); }
};

TEST_P(Inflate, GivesBackWhatWasPacked) {
  for (const std::size_t size : {0, 1, 65535, 65536, 65537, 300000}) {
    const Bytes data = pattern(size);
    EXPECT_EQ(unpack(pack(data), size), data);
  }
}

TEST_P(Inflate, RefusesEveryTruncation) {
  const Bytes packed = pack(pattern(2000));
  for (std::size_t size = 0; size < packed.size(); ++size) {
    EXPECT_THROW(unpack({packed.begin(), packed.begin() + static_cast<std::ptrdiff_t>(size)}, 2000), FormatError);
  }
}

TEST_P(Inflate, RefusesDamageInTheContent) {
  Bytes packed = pack(pattern(2000));
  packed[packed.size() / 2] ^= 0x10;
  EXPECT_THROW(unpack(packed, 2000), FormatError);
}

TEST_P(Inflate, RefusesBytesAfterTheEnd) {
  Bytes packed = pack(pattern(100));
  packed.push_back(7);
  EXPECT_THROW(unpack(packed, 2000), FormatError);
}

TEST_P(Inflate, StopsAtTheLimit) {
  const Bytes bomb = pack(Bytes(std::size_t{50} << 20));
  const auto message = message_of<FormatError>([&] { unpack(bomb, 1000); });
  EXPECT_NE(message.find("1000 bytes"), std::string::npos) << message;
}

INSTANTIATE_TEST_SUITE_P(Formats, Inflate,
                         testing::Values(std::pair<Pack, Unpack>(gzip, gunzip), std::pair<Pack, Unpack>(xz, unxz)));

TEST(Checksum, KnownAnswers) {
  const Bytes abc{'a', 'b', 'c'};
  EXPECT_EQ(sha256_hex(abc), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(md5_hex(abc), "900150983cd24fb0d6963f7d28e17f72");
  EXPECT_EQ(md5_hex({}), "d41d8cd98f00b204e9800998ecf8427e");
}

}  // namespace
}  // namespace blindsight::vision
