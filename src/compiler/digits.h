// Digits of key switches, level by level.
#pragma once

#include <cstddef>

#include "blindsight/compiler/program.h"

namespace blindsight::compiler {

/// Gives every level of the program's largest ring as many special primes, hence digits, as make its maps and squares
/// cheapest: at reference_rates(), a price for the memory of keys and weights included. More special primes make fewer,
/// larger digits; levels that differ share no keys. All keys stay within `key_budget` bytes, or no larger than they
/// were; the primes within 128 bits. `cached`: weights are kept encoded.
void choose_digits(Program& program, std::size_t key_budget, bool cached);

}  // namespace blindsight::compiler
