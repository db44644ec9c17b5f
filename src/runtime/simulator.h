// Runs a program on clear slot vectors, with or without the noise that ciphertexts would add.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "blindsight/compiler/program.h"

namespace blindsight::runtime {

/// Slot values in, slot values out. With a seed, every operation adds Gaussian noise of the standard deviation that
/// its ciphertext twin has (compiler/noise.h); without, exact up to rounding.
std::vector<double> simulate(const compiler::Program& program, std::span<const double> slots,
                             std::optional<std::uint64_t> noise_seed = std::nullopt);

}  // namespace blindsight::runtime
