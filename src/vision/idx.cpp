#include "blindsight/vision/idx.h"

#include "blindsight/base/error.h"

namespace blindsight::vision {
namespace {

constexpr std::uint8_t kUnsignedByte = 8;

}  // namespace

IdxArray parse_idx(std::span<const std::uint8_t> data, int dimensions, const std::string& what) {
  ByteReader in(data, what);
  if (dimensions < 1 || dimensions > 4) throw InvalidArgument("idx arrays are read with 1 to 4 dimensions");
  if (in.u16() != 0 || in.u8() != kUnsignedByte || in.u8() != dimensions) {
    in.fail("not an idx file of unsigned bytes with " + std::to_string(dimensions) + " dimensions");
  }
  IdxArray out;
  std::uint64_t count = 1;
  for (int i = 0; i < dimensions; ++i) {
    const std::uint32_t size = __builtin_bswap32(in.u32());
    // Before the product, so that it can't overflow: both factors stay below 2^32.
    if (count > UINT32_MAX) in.fail("its shape is too large");
    count *= size;
    out.shape.push_back(size);
  }
  if (count != in.remaining()) {
    in.fail("its shape stands for " + std::to_string(count) + " values, " + std::to_string(in.remaining()) + " follow");
  }
  const auto values = in.raw(in.remaining());
  out.values.assign(values.begin(), values.end());
  return out;
}

}  // namespace blindsight::vision
