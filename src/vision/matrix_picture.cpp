#include "blindsight/vision/matrix_picture.h"

#include <algorithm>
#include <numeric>
#include <opencv2/core.hpp>
#include <opencv2/imgproc.hpp>

#include "blindsight/base/error.h"

namespace blindsight::vision {
namespace {

// In pixels.
constexpr int kCell = 56;
constexpr int kMargin = 16;
constexpr int kHeader = 64;

constexpr std::size_t kMostRows = 100;
constexpr int kFont = cv::FONT_HERSHEY_SIMPLEX;
constexpr double kFontScale = 0.5;

const cv::Scalar kBlack(32, 32, 32);
const cv::Scalar kWhite(255, 255, 255);

cv::Size extent(const std::string& text) {
  int baseline = 0;
  return cv::getTextSize(text, kFont, kFontScale, 1, &baseline);
}

void write(cv::Mat& picture, const std::string& text, int x, int middle, const cv::Scalar& colour) {
  cv::putText(picture, text, {x, middle + extent(text).height / 2}, kFont, kFontScale, colour, 1, cv::LINE_AA);
}

void write_centred(cv::Mat& picture, const std::string& text, int x, int y, const cv::Scalar& colour) {
  write(picture, text, x - extent(text).width / 2, y, colour);
}

/// From white to a dark blue (RGB).
cv::Scalar shade(double share) { return kWhite * (1 - share) + cv::Scalar(20, 60, 120) * share; }

void draw_row(cv::Mat& picture, const std::vector<std::size_t>& row, int left, int top) {
  const std::size_t sum = std::accumulate(row.begin(), row.end(), std::size_t{0});
  for (std::size_t c = 0; c < row.size(); ++c) {
    const double share = sum == 0 ? 0 : static_cast<double>(row[c]) / static_cast<double>(sum);
    const cv::Rect cell(left + static_cast<int>(c) * kCell, top, kCell - 2, kCell - 2);
    cv::rectangle(picture, cell, shade(share), cv::FILLED);
    write_centred(picture, std::to_string(row[c]), cell.x + kCell / 2, top + kCell / 2, share > 0.5 ? kWhite : kBlack);
  }
}

}  // namespace

Image confusion_picture(const std::vector<std::vector<std::size_t>>& matrix, const std::vector<std::string>& labels,
                        const std::string& title) {
  const std::size_t rows = matrix.size();
  const bool square = std::all_of(matrix.begin(), matrix.end(), [&](const auto& row) { return row.size() == rows; });
  if (rows == 0 || rows > kMostRows || !square || labels.size() != rows) {
    throw InvalidArgument("a confusion matrix of " + std::to_string(rows) + " rows and " +
                          std::to_string(labels.size()) +
                          " labels: it takes 1 to 100 rows, as many columns and labels");
  }
  std::vector<std::string> names;
  int widest = 0;
  for (std::size_t r = 0; r < rows; ++r) {
    names.push_back(std::to_string(r + 1) + "  " + labels[r]);
    widest = std::max(widest, extent(names.back()).width);
  }
  const int left = kMargin + widest + kMargin;
  const int side = static_cast<int>(rows) * kCell;
  const int width = std::max(left + side, kMargin + extent(title).width) + kMargin;
  cv::Mat picture(kHeader + side + kMargin, width, CV_8UC3, kWhite);
  write(picture, title, kMargin, kMargin + 4, kBlack);
  for (std::size_t r = 0; r < rows; ++r) {
    const int offset = static_cast<int>(r) * kCell;
    write_centred(picture, std::to_string(r + 1), left + offset + kCell / 2, kHeader - kMargin, kBlack);
    write(picture, names[r], kMargin, kHeader + offset + kCell / 2, kBlack);
    draw_row(picture, matrix[r], left, kHeader + offset);
  }
  return {picture.cols, picture.rows, 3, {picture.data, picture.data + picture.total() * picture.elemSize()}};
}

}  // namespace blindsight::vision
