// Images in parts: whole files, and the payload under a right checksum.
#include "attempt.h"
#include "blindsight/runtime/parts.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace blindsight;
  const ckks::ContextPtr& context = small_context();
  const std::span input(data, size);
  attempt([&] { runtime::read_parts_file(input, *context); });
  attempt([&] {
    const Bytes file = ckks::seal_file(ckks::Kind::kPartsInput, context->fingerprint(), input);
    const auto read = runtime::read_parts_file(file, *context);
    if (runtime::write_parts_file(*context, read) != file) __builtin_trap();  // one form only
  });
  return 0;
}
