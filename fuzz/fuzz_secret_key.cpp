// A secret key: a whole file, and the input as a payload under a right checksum.
#include "blindsight/base/error.h"
#include "blindsight/ckks/serialise.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace blindsight;
  using namespace blindsight::ckks;
  const std::span input(data, size);
  try {
    read_secret_key_file(input);
  } catch (const Error&) {
  }
  try {
    ByteReader in(input, "parameters");
    const Bytes file = seal_file(Kind::kSecretKey, Context::read(in)->fingerprint(), input);
    if (write_secret_key_file(read_secret_key_file(file)) != file) __builtin_trap();  // one form only
  } catch (const Error&) {
  }
  try {  // the body alone, in a small ring
    static const ContextPtr context = Context::create(ParametersLiteral::from_bits(12, {36, 30}, {36}));
    ByteReader in(input, "secret key");
    read_secret_key(in, context);
  } catch (const Error&) {
  }
  return 0;
}
