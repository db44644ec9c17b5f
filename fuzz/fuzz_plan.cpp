// The plan's reader on arbitrary payloads, sealed so that the checksum does not stand in the way.
#include <cstddef>
#include <cstdint>
#include <span>

#include "blindsight/base/error.h"
#include "blindsight/compiler/plan.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace blindsight;
  const std::span<const std::uint8_t> bytes(data, size);
  try {
    compiler::read_plan(bytes);
  } catch (const Error&) {
  }
  // The payload begins with the parameters: give it their fingerprint.
  try {
    ByteReader in(bytes, "parameters");
    const auto context = ckks::Context::read(in);
    compiler::read_plan(ckks::seal_file(ckks::Kind::kPlan, context->fingerprint(), bytes));
  } catch (const Error&) {
  }
  return 0;
}
