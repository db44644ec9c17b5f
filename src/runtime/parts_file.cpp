// The file that holds images in parts, see docs/file-formats.md.
#include <algorithm>

#include "blindsight/base/error.h"
#include "blindsight/ckks/serialise.h"
#include "blindsight/runtime/parts.h"

namespace blindsight::runtime {
namespace {

constexpr std::size_t kMaxImages = std::size_t{1} << 16;
constexpr std::size_t kMaxParts = std::size_t{1} << 16;
constexpr std::size_t kMaxLevels = std::size_t{1} << 24;  // of one part
constexpr std::size_t kLeastImage = 4 + 1 + 4;
constexpr std::size_t kLeastCiphertext = 1 + 8 + 32;

void write_image(ByteWriter& out, const PartsUpload& image) {
  out.u32(static_cast<std::uint32_t>(image.index.size()));
  for (const std::int32_t i : image.index) out.u8(i > 0 ? 1 : 0);
  for (const Bytes& levels : image.clear) {
    out.u32(static_cast<std::uint32_t>(levels.size()));
    out.raw(levels);
  }
  out.u32(static_cast<std::uint32_t>(image.encrypted.size()));
  for (const ckks::SeededCiphertext& ciphertext : image.encrypted) ckks::write(out, ciphertext);
}

PartsUpload read_image(ByteReader& in, const ckks::Context& context) {
  PartsUpload image;
  const std::size_t parts = in.count(1);
  if (parts == 0 || parts > kMaxParts) in.fail("an image of " + std::to_string(parts) + " parts");
  std::size_t clear = 0;
  for (std::size_t k = 0; k < parts; ++k) {
    const std::uint8_t encrypted = in.u8();
    if (encrypted > 1) in.fail("part " + std::to_string(k) + " is neither encrypted nor in the clear");
    const auto number = static_cast<std::int32_t>(k) + 1;
    image.index.push_back(encrypted == 1 ? number : -number);
    clear += encrypted == 1 ? 0 : 1;
  }
  for (std::size_t k = 0; k < clear; ++k) {
    const std::size_t size = in.count(1);
    if (size == 0 || size > kMaxLevels) in.fail("a part of " + std::to_string(size) + " levels");
    const auto raw = in.raw(size);
    image.clear.emplace_back(raw.begin(), raw.end());
  }
  const std::size_t ciphertexts = in.count(kLeastCiphertext);
  if ((ciphertexts == 0) != (clear == parts)) in.fail("its ciphertexts are not those of its encrypted parts");
  for (std::size_t i = 0; i < ciphertexts; ++i) image.encrypted.push_back(ckks::read_seeded(in, context));
  return image;
}

}  // namespace

Bytes write_parts_file(const ckks::Context& context, std::span<const PartsUpload> images) {
  if (images.empty() || images.size() > kMaxImages) {
    throw InvalidArgument("a file of " + std::to_string(images.size()) + " images: it takes 1 to 65536");
  }
  ByteWriter out;
  out.u32(static_cast<std::uint32_t>(images.size()));
  for (const PartsUpload& image : images) write_image(out, image);
  return ckks::seal_file(ckks::Kind::kPartsInput, context.fingerprint(), out.bytes());
}

std::vector<PartsUpload> read_parts_file(std::span<const std::uint8_t> file, const ckks::Context& context,
                                         const std::string& what) {
  ByteReader in(ckks::open_file(file, ckks::Kind::kPartsInput, context, what), what);
  const std::size_t count = in.count(kLeastImage);
  if (count == 0 || count > kMaxImages) in.fail("it holds " + std::to_string(count) + " images");
  std::vector<PartsUpload> images;
  for (std::size_t i = 0; i < count; ++i) images.push_back(read_image(in, context));
  in.finish();
  return images;
}

}  // namespace blindsight::runtime
