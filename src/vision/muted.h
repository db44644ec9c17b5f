// Catches what libraries write to the standard error stream: libjpeg and libpng print their complaints there.
#pragma once

#include <mutex>
#include <string>

namespace blindsight::vision {

/// While it lives, standard error is a buffer; one at a time in the process. What other threads write there meanwhile
/// is passed on at the end, line by line, except lines that `libjpeg` or `libpng` write.
class MutedStderr {
 public:
  MutedStderr();
  ~MutedStderr();
  MutedStderr(const MutedStderr&) = delete;
  MutedStderr& operator=(const MutedStderr&) = delete;
  /// All that was written so far.
  std::string text() const;

 private:
  std::unique_lock<std::mutex> lock_;
  int saved_ = -1;
  int buffer_ = -1;
};

/// Whether a line is one of the decoders' complaints: "Corrupt JPEG data: …", "libpng error: …".
bool is_decoder_complaint(const std::string& line);

}  // namespace blindsight::vision
