#include "blindsight/vision/preprocess.h"

#include "blindsight/base/error.h"

namespace blindsight::vision {
namespace {

std::string size_text(int width, int height) { return std::to_string(width) + "x" + std::to_string(height); }

}  // namespace

std::vector<double> preprocess(const Image& image, const Card& card, bool resize_to_fit) {
  const Preprocess& p = card.preprocess;
  check_image(image);
  Image in = p.color == Color::kGray ? to_gray(image) : to_rgb(image);
  if (in.width != p.width || in.height != p.height) {
    if (!resize_to_fit) {
      throw InvalidArgument("the image has " + size_text(in.width, in.height) + " pixels, '" + card.name + "' takes " +
                            size_text(p.width, p.height) + ": resize it first or pass --resize");
    }
    in = resize(in, p.width, p.height);
  }
  if (p.equalise) in = equalised(in);
  const auto channels = static_cast<std::size_t>(in.channels);
  if (p.mean.size() != channels || p.std.size() != channels) {
    throw InvalidArgument("the card of '" + card.name + "' needs one mean and one std for each of its channels");
  }
  const std::size_t area = static_cast<std::size_t>(in.width) * in.height;
  std::vector<double> out(channels * area);
  for (std::size_t c = 0; c < channels; ++c) {
    for (std::size_t i = 0; i < area; ++i) {
      out[c * area + i] = (in.pixels[i * channels + c] * p.scale - p.mean[c]) / p.std[c];
    }
  }
  return out;
}

}  // namespace blindsight::vision
