// The card parser on arbitrary bytes; what it accepts must come back the same from its own text.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "blindsight/base/error.h"
#include "blindsight/vision/card.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  namespace vision = blindsight::vision;
  try {
    const auto card = vision::parse_card({reinterpret_cast<const char*>(data), size});
    const std::string text = vision::to_json(card);
    if (vision::to_json(vision::parse_card(text)) != text) std::abort();
  } catch (const blindsight::FormatError&) {
  }
  return 0;
}
