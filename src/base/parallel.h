// Threads: a thin face on oneTBB, so that the rooms above name no scheduler.
#pragma once

#include <oneapi/tbb/global_control.h>
#include <oneapi/tbb/parallel_for.h>

#include <cstddef>
#include <utility>

#ifdef __SANITIZE_THREAD__
#include <sanitizer/tsan_interface.h>
#endif

namespace blindsight {

/// Limits the process to `threads` threads while it lives. 0 takes all cores.
class ThreadLimit {
 public:
  explicit ThreadLimit(int threads);

 private:
  tbb::global_control control_;
};

/// Threads that parallel_for may use now.
int thread_count();

/// f(i) for i in [0, count), in any order. Runs inline where only one thread may be used.
template <typename F>
void parallel_for(std::size_t count, F&& f) {
  if (count == 1 || thread_count() == 1) {
    for (std::size_t i = 0; i < count; ++i) f(i);
    return;
  }
#ifdef __SANITIZE_THREAD__
  // ThreadSanitizer can't see inside libtbb: tell it that the loop's start precedes, and its end follows, every f(i).
  char start = 0;
  char end = 0;
  __tsan_release(&start);
  tbb::parallel_for(
      std::size_t{0}, count,
      [&](std::size_t i) {
        __tsan_acquire(&start);
        f(i);
        __tsan_release(&end);
      },
      tbb::simple_partitioner{});
  __tsan_acquire(&end);
#else
  tbb::parallel_for(std::size_t{0}, count, std::forward<F>(f), tbb::simple_partitioner{});
#endif
}

}  // namespace blindsight
