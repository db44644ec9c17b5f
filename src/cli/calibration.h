// Images whose values tell the compiler how large a network's values get.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "blindsight/vision/card.h"

namespace blindsight::cli {

/// Tensors of images that stand for what the network will see. `source` is empty for images that the project draws
/// itself, the same on every machine; the name of a data set, for images spread over its training part (its test part
/// where that is not there); or a folder of image files, stretched to the card's size.
/// Throws InvalidArgument where the source is neither or holds no image, what reading throws.
std::vector<std::vector<double>> calibration_tensors(const vision::Card& card,
                                                     const std::optional<std::string>& source = std::nullopt);

}  // namespace blindsight::cli
