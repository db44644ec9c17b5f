// The clear twin of an evaluation in parts.
#pragma once

#include <vector>

#include "blindsight/cli/input.h"
#include "blindsight/nn/network.h"

namespace blindsight::cli {

/// Logits of an image in chunks, exactly: every chunk's values before the last squares, their mean, and the layers
/// after it. A chunk's values are those of an input that holds nothing but copies of it. Knows nothing of programs.
/// Throws InvalidArgument where the last layer reads more than the squares of the one before it.
std::vector<double> clear_parts(const nn::QuadraticNetwork& network, const runtime::Parts& parts,
                                const PartsShape& shape);

}  // namespace blindsight::cli
