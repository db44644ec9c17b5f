// Fast base conversion between RNS bases (Halevi, Polyakov, Shoup 2019, section 2.2), centred.
#pragma once

#include <span>

#include "blindsight/ring/modulus.h"

namespace blindsight::ckks {

/// Reads limbs `in` (n words each, moduli `from`) as the integer x in [-F/2, F/2], F the product of `from`, and writes
/// x mod to[t] to out[t] for every t. Exact but where x lies within F·2^-48 of ±F/2, where it may be off by F.
void convert_base(std::span<const std::uint64_t* const> in, std::span<const ring::Modulus* const> from,
                  std::span<std::uint64_t* const> out, std::span<const ring::Modulus* const> to, std::size_t n);

}  // namespace blindsight::ckks
