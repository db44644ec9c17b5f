// The manifest's reader on arbitrary payloads, sealed so that the checksum does not stand in the way.
#include "attempt.h"
#include "blindsight/compiler/plan.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace blindsight;
  const std::span input(data, size);
  attempt([&] { compiler::read_manifest(input); });
  attempt([&] { compiler::read_manifest(sealed(ckks::Kind::kManifest, input)); });
  return 0;
}
