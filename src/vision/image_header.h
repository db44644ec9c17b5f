// What an image file's header says, read before the decoder may allocate for it.
#pragma once

#include <cstdint>
#include <span>
#include <string>

namespace blindsight::vision {

struct ImageHeader {
  enum class Format { kPng, kJpeg, kPnm, kBmp };
  Format format;
  std::uint64_t width;
  std::uint64_t height;
};

/// Throws FormatError, naming `what`, where the bytes start no PNG, JPEG, PNM or BMP file, where the image would have
/// no pixel or more than kMaxPixels, or where so many can't come from so few bytes (the file is cut short, or a bomb).
ImageHeader read_image_header(std::span<const std::uint8_t> bytes, const std::string& what);

}  // namespace blindsight::vision
