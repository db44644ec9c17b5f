// A table of counts as a picture.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "blindsight/vision/image.h"

namespace blindsight::vision {

/// matrix[truth][prediction], a row for every class: how many images, the darker the larger the share of the row's.
/// Rows are named on the left, columns by the numbers of the rows. `title` is at most one line.
/// Throws InvalidArgument unless the matrix is square, has a label for each row, and 1 to 100 rows.
Image confusion_picture(const std::vector<std::vector<std::size_t>>& matrix, const std::vector<std::string>& labels,
                        const std::string& title);

}  // namespace blindsight::vision
