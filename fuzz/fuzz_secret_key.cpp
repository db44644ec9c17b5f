// A secret key: a whole file, and the input as a payload under a right checksum.
#include "attempt.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace blindsight;
  using namespace blindsight::ckks;
  const std::span input(data, size);
  attempt([&] { read_secret_key_file(input); });
  attempt([&] {
    const Bytes file = sealed(Kind::kSecretKey, input);
    if (write_secret_key_file(read_secret_key_file(file)) != file) __builtin_trap();  // one form only
  });
  attempt([&] {  // the body alone, in a small ring
    ByteReader in(input, "secret key");
    read_secret_key(in, small_context());
  });
  return 0;
}
