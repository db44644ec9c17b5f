// The idx parser and the two unpackers below it, on arbitrary bytes.
#include <cstddef>
#include <cstdint>

#include "blindsight/base/error.h"
#include "blindsight/vision/dataset.h"
#include "blindsight/vision/idx.h"
#include "blindsight/vision/inflate.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  namespace vision = blindsight::vision;
  if (size == 0) return 0;
  const std::span<const std::uint8_t> bytes(data + 1, size - 1);
  try {
    switch (data[0] % 4) {
      case 0:
        vision::parse_idx(bytes, 1 + data[0] / 4 % 4, "fuzz");
        break;
      case 1:
        vision::gunzip(bytes, 1 << 20, "fuzz");
        break;
      case 2:
        vision::unxz(bytes, 1 << 20, "fuzz");
        break;
      default:
        vision::dataset_from_idx(vision::dataset_info("mnist"), bytes.first(bytes.size() / 2),
                                 bytes.subspan(bytes.size() / 2), "fuzz");
    }
  } catch (const blindsight::FormatError&) {
  }
  return 0;
}
