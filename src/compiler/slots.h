// Linear maps on clear slot vectors: what a lowered stage does, exactly.
#pragma once

#include <span>
#include <vector>

#include "blindsight/ckks/linear_map.h"
#include "blindsight/compiler/lowering.h"

namespace blindsight::compiler {

using Slots = std::vector<double>;

/// A rotation to the left, normalised to [0, slots).
std::size_t cyclic(long k, std::size_t slots);

/// y[s] += d[s] · x[s + k], cyclically, for every slot s; `squared` takes d[s]² instead. x and y are of one length.
void add_rotated_product(std::span<double> y, const ckks::Diagonal& d, std::span<const double> x, std::size_t k,
                         bool squared = false);
/// y[s] += x[s + k], cyclically.
void add_rotated(std::span<double> y, std::span<const double> x, std::size_t k);

/// The plan's terms, without the folds. Every input is of one length.
std::vector<Slots> apply_terms(const ckks::LinearMapPlan& plan, std::span<const ckks::Diagonal> diagonals,
                               std::span<const Slots* const> inputs);

/// The slots of every value (one period of its stage a ciphertext) when a lowered network runs on `input`; the input's
/// first.
std::vector<Slots> slot_values(const Lowered& lowered, std::span<const double> input);

}  // namespace blindsight::compiler
