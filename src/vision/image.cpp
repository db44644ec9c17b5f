#include "blindsight/vision/image.h"

#include <algorithm>
#include <opencv2/core.hpp>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>
#include <sstream>

#include "blindsight/base/bytes.h"
#include "blindsight/base/error.h"
#include "blindsight/base/file.h"
#include "blindsight/vision/image_header.h"
#include "blindsight/vision/muted.h"
#include "blindsight/vision/quoted.h"

namespace blindsight::vision {
namespace {

/// A view on the image's own pixels; OpenCV takes no const pointer, but the view is only read.
cv::Mat view(const Image& image) {
  check_image(image);
  return {image.height, image.width, CV_8UC(image.channels), const_cast<std::uint8_t*>(image.pixels.data())};
}

Image from_mat(const cv::Mat& mat) {
  const cv::Mat whole = mat.isContinuous() ? mat : mat.clone();
  return {whole.cols, whole.rows, whole.channels(), {whole.data, whole.data + whole.total() * whole.elemSize()}};
}

/// libjpeg goes on after damage, with grey for what is lost, and only says so on the standard error stream.
void refuse_damage(const std::string& complaints, const std::string& what) {
  std::istringstream lines(complaints);
  for (std::string line; std::getline(lines, line);) {
    for (const char* start : {"Corrupt JPEG data", "Premature end of JPEG", "libpng error"}) {
      if (line.starts_with(start)) throw FormatError(what + " is damaged: " + line);
    }
  }
}

cv::Mat decode(std::span<const std::uint8_t> bytes, const std::string& what) {
  try {
    const cv::Mat buffer(1, static_cast<int>(bytes.size()), CV_8U, const_cast<std::uint8_t*>(bytes.data()));
    const MutedStderr muted;
    cv::Mat decoded = cv::imdecode(buffer, cv::IMREAD_ANYCOLOR | cv::IMREAD_ANYDEPTH);
    refuse_damage(muted.text(), what);
    return decoded;
  } catch (const cv::Exception& e) {
    throw FormatError(what + " can't be decoded: " + e.err);
  }
}

}  // namespace

void check_image(const Image& image) {
  if (image.width <= 0 || image.height <= 0 || (image.channels != 1 && image.channels != 3)) {
    throw InvalidArgument("an image of " + std::to_string(image.width) + "x" + std::to_string(image.height) +
                          " pixels and " + std::to_string(image.channels) + " channels: take 1 (gray) or 3 (RGB)");
  }
  const std::size_t expected = static_cast<std::size_t>(image.width) * image.height * image.channels;
  if (image.pixels.size() != expected) {
    throw InvalidArgument("the image holds " + std::to_string(image.pixels.size()) + " values, its size needs " +
                          std::to_string(expected));
  }
}

Image decode_image(std::span<const std::uint8_t> bytes, const std::string& what) {
  if (bytes.size() > kMaxImageFile) throw FormatError(what + " is larger than any image file that is read");
  read_image_header(bytes, what);
  cv::Mat mat = decode(bytes, what);
  if (mat.empty()) throw FormatError(what + " can't be decoded: it is damaged or cut short");
  if (mat.depth() == CV_16U) {
    mat.convertTo(mat, CV_8U, 1.0 / 257);
  } else if (mat.depth() != CV_8U) {
    throw FormatError(what + " has pixels of an unknown type: save it with 8 or 16 bits");
  }
  if (mat.channels() == 3) {
    cv::cvtColor(mat, mat, cv::COLOR_BGR2RGB);
  } else if (mat.channels() != 1) {
    throw FormatError(what + " has " + std::to_string(mat.channels()) + " channels: save it as gray or RGB");
  }
  return from_mat(mat);
}

Image read_image(const std::filesystem::path& path) {
  const Bytes bytes = read_file(path, kMaxImageFile);
  return decode_image(bytes, quoted(path));
}

void write_png(const std::filesystem::path& path, const Image& image) {
  cv::Mat mat = view(image);
  if (image.channels == 3) {
    cv::Mat bgr;
    cv::cvtColor(mat, bgr, cv::COLOR_RGB2BGR);
    mat = bgr;
  }
  Bytes encoded;
  if (!cv::imencode(".png", mat, encoded)) throw IoError(quoted(path) + ": the image can't be made a PNG");
  write_file(path, encoded);
}

Image to_gray(const Image& image) {
  const cv::Mat mat = view(image);
  if (image.channels == 1) return image;
  cv::Mat gray;
  cv::cvtColor(mat, gray, cv::COLOR_RGB2GRAY);
  return from_mat(gray);
}

Image to_rgb(const Image& image) {
  const cv::Mat mat = view(image);
  if (image.channels == 3) return image;
  cv::Mat rgb;
  cv::cvtColor(mat, rgb, cv::COLOR_GRAY2RGB);
  return from_mat(rgb);
}

Image equalised(const Image& gray) {
  const cv::Mat mat = view(gray);
  if (gray.channels != 1) throw InvalidArgument("the histogram of a colour image can't be equalised: make it gray");
  cv::Mat out;
  cv::equalizeHist(mat, out);
  return from_mat(out);
}

Image resize(const Image& image, int width, int height) {
  const cv::Mat mat = view(image);
  if (width <= 0 || height <= 0 || static_cast<std::uint64_t>(width) * height > kMaxPixels) {
    throw InvalidArgument("an image can't be resized to " + std::to_string(width) + "x" + std::to_string(height));
  }
  const bool shrinks = width <= image.width && height <= image.height;
  cv::Mat out;
  cv::resize(mat, out, {width, height}, 0, 0, shrinks ? cv::INTER_AREA : cv::INTER_LINEAR);
  return from_mat(out);
}

}  // namespace blindsight::vision
