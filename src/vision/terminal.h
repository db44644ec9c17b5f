// Images as text, for a first look without a viewer.
#pragma once

#include <string>

#include "blindsight/vision/image.h"

namespace blindsight::vision {

/// How a terminal can show gray.
enum class TerminalStyle {
  kAscii,   ///< ten characters from ' ' to '@', one for two rows
  kBlocks,  ///< Unicode half blocks in five shades without colour codes
  kColor,   ///< half blocks in 24 greys of the 256-colour palette (ANSI escape codes)
};

/// kBlocks where LC_ALL, LC_CTYPE or LANG (the first that is set) names UTF-8, else kAscii.
TerminalStyle default_terminal_style();

/// The image (gray, or made so) as lines of `width` characters, each line two rows of pixels, each ended by '\n'.
/// White is drawn as ink, so that it reads on a dark terminal.
std::string render_terminal(const Image& image, TerminalStyle style = default_terminal_style());

}  // namespace blindsight::vision
