// Ciphertexts of a client and of a server, and public keys: whole files, and the input as a payload under a right
// checksum.
#include "attempt.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace blindsight;
  using namespace blindsight::ckks;
  const ContextPtr& context = small_context();
  const std::span input(data, size);
  attempt([&] { read_input_file(input, *context); });
  attempt([&] { read_result_file(input, *context); });
  attempt([&] {
    const Bytes file = seal_file(Kind::kInput, context->fingerprint(), input);
    const auto read = read_input_file(file, *context);
    if (write_input_file(*context, read) != file) __builtin_trap();  // one form only
  });
  attempt([&] {
    const Bytes file = seal_file(Kind::kResult, context->fingerprint(), input);
    const auto read = read_result_file(file, *context);
    if (write_result_file(*context, read) != file) __builtin_trap();
  });
  attempt([&] {
    ByteReader in(input, "public key");
    read_public_key(in, *context);
  });
  return 0;
}
