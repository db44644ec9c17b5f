// Evaluation keys and key requests: a whole file, and the input as a payload under a right checksum.
#include "blindsight/base/error.h"
#include "blindsight/ckks/serialise.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace blindsight;
  using namespace blindsight::ckks;
  static const ContextPtr context = Context::create(ParametersLiteral::from_bits(12, {36, 30}, {36}));
  const std::span input(data, size);
  const auto attempt = [](auto&& read) {
    try {
      read();
    } catch (const Error&) {
    }
  };
  attempt([&] { read_evaluation_keys_file(input); });
  attempt([&] {
    ByteReader in(input, "parameters");
    const Bytes file = seal_file(Kind::kEvaluationKeys, Context::read(in)->fingerprint(), input);
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
