// What the targets for Blindsight's own files share.
#pragma once

#include <span>

#include "blindsight/base/error.h"
#include "blindsight/ckks/serialise.h"

namespace blindsight {

/// Lets a reader loose; refusing with one of our own errors is its right.
template <typename Read>
void attempt(Read&& read) {
  try {
    read();
  } catch (const Error&) {
  }
}

inline const ckks::ContextPtr& small_context() {
  static const ckks::ContextPtr context = ckks::Context::create(ckks::ParametersLiteral::from_bits(12, {36, 30}, {36}));
  return context;
}

/// A file under a right checksum, its header naming the parameters that the payload begins with. Throws where it begins
/// with none.
inline Bytes sealed(ckks::Kind kind, std::span<const std::uint8_t> payload) {
  ByteReader in(payload, "parameters");
  return ckks::seal_file(kind, ckks::Context::read(in)->fingerprint(), payload);
}

}  // namespace blindsight
