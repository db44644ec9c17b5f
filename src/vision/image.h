// Images: 8-bit pixels in memory, and the files they come from.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

namespace blindsight::vision {

/// Pixels in row-major HWC order: gray (1 channel) or RGB (3 channels), 0 to 255.
struct Image {
  int width = 0;
  int height = 0;
  int channels = 1;
  std::vector<std::uint8_t> pixels;

  std::uint8_t at(int x, int y, int channel = 0) const {
    return pixels[(static_cast<std::size_t>(y) * width + x) * channels + channel];
  }
};

/// Largest image that is decoded, in pixels.
inline constexpr std::uint64_t kMaxPixels = std::uint64_t{1} << 26;
/// Largest image file that is read, in bytes.
inline constexpr std::uint64_t kMaxImageFile = std::uint64_t{1} << 28;

/// Throws InvalidArgument where the sides aren't positive, the channels not 1 or 3, or the pixels of another number.
void check_image(const Image& image);

/// A PNG, JPEG, PGM/PPM/PBM or BMP file: gray stays gray, colour becomes RGB. 16 bits become 8 (value / 257), alpha is
/// dropped, a JPEG's EXIF orientation is applied. The file's header is checked before anything is allocated for it.
/// Throws IoError where it can't be read, FormatError where it is not a whole image of at most kMaxPixels.
Image read_image(const std::filesystem::path& path);

/// The same from a file's bytes. `what` names them in messages.
Image decode_image(std::span<const std::uint8_t> bytes, const std::string& what);

/// Throws InvalidArgument for an invalid image, IoError where it can't be written.
void write_png(const std::filesystem::path& path, const Image& image);

/// The luma (0.299 R + 0.587 G + 0.114 B) of an RGB image; a gray image as it is.
Image to_gray(const Image& image);

/// Three equal channels from a gray image; an RGB image as it is.
Image to_rgb(const Image& image);

/// A gray image whose levels are spread evenly over 0 to 255, as far as their order allows (OpenCV's equalizeHist);
/// one of a single level stays. Throws InvalidArgument for a colour image.
Image equalised(const Image& gray);

/// Stretched to width × height pixels: by area where it shrinks, bilinear where it grows. The aspect may change.
Image resize(const Image& image, int width, int height);

}  // namespace blindsight::vision
