// Which chunks of an image have features: the choice of Jia et al., "Efficient and privacy-preserving image
// classification using homomorphic encryption and chunk-based convolutional neural network", J. Cloud Computing 12:175
// (2023).
#pragma once

#include <cstdint>
#include <vector>

#include "blindsight/vision/chunks.h"

namespace blindsight::vision {

/// What of a chunk's gradient magnitudes is compared with the threshold. The paper doesn't say.
enum class ChunkStatistic { kMean, kMaximum };

struct ChunkRule {
  ChunkStatistic statistic = ChunkStatistic::kMean;
  double threshold = 100;  ///< in levels, see gradient_magnitude()
};

/// The statistic of every chunk, in image order. The gradient is that of the whole image, so that a chunk's border is
/// no edge. Throws InvalidArgument where the image is coloured or of another size than the grid.
std::vector<double> chunk_statistics(const Image& gray, const ChunkGrid& grid, ChunkStatistic statistic);

/// The signed chunk index: for chunk k (from 0, in image order), k + 1 where its statistic is at least the threshold, a
/// feature chunk; −(k + 1) where it isn't. A threshold of 0 makes all of them feature chunks, an infinite one none.
/// Throws InvalidArgument for a threshold that is negative or not a number, else as chunk_statistics.
std::vector<std::int32_t> chunk_index(const Image& gray, const ChunkGrid& grid, const ChunkRule& rule);

}  // namespace blindsight::vision
