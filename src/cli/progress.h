// How far long work has come: a bar on a terminal, a plain line every tenth elsewhere. On stderr.
#pragma once

#include <chrono>
#include <cstddef>
#include <mutex>
#include <string>

namespace blindsight::cli {

class Progress {
 public:
  Progress(std::string what, std::size_t total);
  /// Clears the bar.
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  /// One more is done. May be called from several threads.
  void advance();

 private:
  using Clock = std::chrono::steady_clock;
  void draw_bar(double seconds) const;
  const std::string what_;
  const std::size_t total_;
  const bool terminal_;
  const Clock::time_point start_;
  std::mutex mutex_;
  std::size_t done_ = 0;
  Clock::time_point drawn_;
};

/// Whether stdout is a terminal.
bool stdout_is_terminal();

}  // namespace blindsight::cli
