#include "blindsight/cli/progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>

namespace blindsight::cli {
namespace {

constexpr int kBarWidth = 32;
constexpr auto kRedraw = std::chrono::milliseconds(100);

double seconds_between(std::chrono::steady_clock::time_point a, std::chrono::steady_clock::time_point b) {
  return std::chrono::duration<double>(b - a).count();
}

}  // namespace

Progress::Progress(std::string what, std::size_t total)
    : what_(std::move(what)),
      total_(total),
      terminal_(isatty(STDERR_FILENO) != 0),
      start_(Clock::now()),
      drawn_(start_ - kRedraw) {}

Progress::~Progress() {
  if (terminal_) fmt::print(stderr, "\r\033[K");
}

void Progress::draw_bar(double seconds) const {
  const auto filled = static_cast<int>(kBarWidth * done_ / total_);
  const double left = seconds / static_cast<double>(done_) * static_cast<double>(total_ - done_);
  fmt::print(stderr, "\r\033[K{} [{:#<{}}{:.<{}}] {}/{}, {:.0f} s left", what_, "", filled, "", kBarWidth - filled,
             done_, total_, left);
  std::fflush(stderr);
}

void Progress::advance() {
  const std::lock_guard lock(mutex_);
  ++done_;
  const auto now = Clock::now();
  const double seconds = seconds_between(start_, now);
  if (terminal_) {
    if (now - drawn_ < kRedraw && done_ < total_) return;
    drawn_ = now;
    draw_bar(seconds);
  } else if (done_ * 10 / total_ != (done_ - 1) * 10 / total_) {
    fmt::print(stderr, "{}: {}/{} ({} %), {:.1f} s\n", what_, done_, total_, done_ * 100 / total_, seconds);
  }
}

bool stdout_is_terminal() { return isatty(STDOUT_FILENO) != 0; }

}  // namespace blindsight::cli
