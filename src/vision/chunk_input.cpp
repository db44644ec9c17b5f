#include "blindsight/vision/chunk_input.h"

#include "blindsight/base/error.h"

namespace blindsight::vision {
namespace {

const Chunking& chunking(const Card& card) {
  if (!card.chunks) throw InvalidArgument("'" + card.name + "' takes whole images, not chunks: leave --chunks off");
  return *card.chunks;
}

}  // namespace

Image image_to_cut(const Image& image, const Card& card, bool resize_to_fit) {
  const Chunking& chunks = chunking(card);
  check_image(image);
  Image gray = to_gray(image);
  if (gray.width != chunks.image_width || gray.height != chunks.image_height) {
    if (!resize_to_fit) {
      throw InvalidArgument("the image has " + std::to_string(gray.width) + "x" + std::to_string(gray.height) +
                            " pixels, '" + card.name + "' takes " + std::to_string(chunks.image_width) + "x" +
                            std::to_string(chunks.image_height) + ": resize it first or pass --resize");
    }
    gray = resize(gray, chunks.image_width, chunks.image_height);
  }
  return card.preprocess.equalise ? equalised(gray) : gray;
}

std::vector<std::uint8_t> chunk_levels(const Image& chunk, const Card& card) {
  return padded(chunk, card.preprocess.width, chunking(card).chunk_height).pixels;
}

LevelScale level_scale(const Card& card) {
  const Preprocess& p = card.preprocess;
  return {p.scale / p.std.at(0), -p.mean.at(0) / p.std.at(0)};
}

}  // namespace blindsight::vision
