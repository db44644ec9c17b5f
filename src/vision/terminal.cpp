#include "blindsight/vision/terminal.h"

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <string_view>

namespace blindsight::vision {
namespace {

std::string ascii_cell(int top, int bottom) {
  constexpr std::string_view kShades = " .:-=+*#%@";
  return std::string(1, kShades[static_cast<std::size_t>((top + bottom) * 10 / 511)]);
}

/// A half block where the two rows differ much, else a shade of their mean.
std::string block_cell(int top, int bottom) {
  constexpr const char* kShades[] = {" ", "░", "▒", "▓", "█"};
  constexpr int kInk = 112;
  constexpr int kEdge = 72;
  if (top >= kInk && top - bottom >= kEdge && bottom < kInk) return "▀";
  if (bottom >= kInk && bottom - top >= kEdge && top < kInk) return "▄";
  return kShades[(top + bottom) * 5 / 511];
}

/// Colours 232 to 255 of the palette are 24 greys.
std::string color_cell(int top, int bottom) {
  const auto grey = [](int v) { return std::to_string(232 + v * 24 / 256); };
  return "\x1b[38;5;" + grey(top) + ";48;5;" + grey(bottom) + "m▀";
}

}  // namespace

TerminalStyle default_terminal_style() {
  for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    const char* value = std::getenv(name);
    if (value == nullptr || *value == '\0') continue;
    std::string locale = value;
    std::transform(locale.begin(), locale.end(), locale.begin(), [](unsigned char c) { return std::tolower(c); });
    const bool utf8 = locale.find("utf-8") != std::string::npos || locale.find("utf8") != std::string::npos;
    return utf8 ? TerminalStyle::kBlocks : TerminalStyle::kAscii;
  }
  return TerminalStyle::kAscii;
}

std::string render_terminal(const Image& image, TerminalStyle style) {
  check_image(image);
  const Image gray = to_gray(image);
  std::string out;
  for (int y = 0; y < gray.height; y += 2) {
    for (int x = 0; x < gray.width; ++x) {
      const int top = gray.at(x, y);
      const int bottom = y + 1 < gray.height ? gray.at(x, y + 1) : 0;
      switch (style) {
        case TerminalStyle::kAscii:
          out += ascii_cell(top, bottom);
          break;
        case TerminalStyle::kBlocks:
          out += block_cell(top, bottom);
          break;
        case TerminalStyle::kColor:
          out += color_cell(top, bottom);
          break;
      }
    }
    if (style == TerminalStyle::kColor) out += "\x1b[0m";
    out += '\n';
  }
  return out;
}

}  // namespace blindsight::vision
