// Evaluation keys and key requests: a whole file, and the input as a payload under a right checksum.
#include "attempt.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace blindsight;
  using namespace blindsight::ckks;
  const ContextPtr& context = small_context();
  const std::span input(data, size);
  attempt([&] { read_evaluation_keys_file(input); });
  attempt([&] {
    const Bytes file = sealed(Kind::kEvaluationKeys, input);
    if (write_evaluation_keys_file(read_evaluation_keys_file(file)) != file) __builtin_trap();  // one form only
  });
  attempt([&] {  // the body alone
    ByteReader in(input, "evaluation keys");
    read_evaluation_keys(in, context);
  });
  attempt([&] {
    ByteReader in(input, "key request");
    read_key_request(in, *context);
  });
  return 0;
}
