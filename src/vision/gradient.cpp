#include "blindsight/vision/gradient.h"

#include <opencv2/core.hpp>
#include <opencv2/imgproc.hpp>

#include "blindsight/base/error.h"

namespace blindsight::vision {

std::vector<float> gradient_magnitude(const Image& gray) {
  check_image(gray);
  if (gray.channels != 1) throw InvalidArgument("the gradient is that of a gray image, not of three channels");
  const cv::Mat image(gray.height, gray.width, CV_8U, const_cast<std::uint8_t*>(gray.pixels.data()));
  cv::Mat x;
  cv::Mat y;
  cv::Sobel(image, x, CV_32F, 1, 0, 3, 1, 0, cv::BORDER_REFLECT_101);
  cv::Sobel(image, y, CV_32F, 0, 1, 3, 1, 0, cv::BORDER_REFLECT_101);
  cv::Mat magnitude;
  cv::magnitude(x, y, magnitude);
  const auto* first = magnitude.ptr<float>();
  return {first, first + magnitude.total()};
}

}  // namespace blindsight::vision
