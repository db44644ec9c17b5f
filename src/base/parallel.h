// Threads: a thin face on oneTBB, so that the rooms above name no scheduler.
#pragma once

#include <oneapi/tbb/global_control.h>
#include <oneapi/tbb/parallel_for.h>

#include <cstddef>
#include <utility>

#ifdef __SANITIZE_THREAD__
#include <functional>
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

#ifdef __SANITIZE_THREAD__
namespace detail {
/// Debian's libtbb is not instrumented, so ThreadSanitizer would report its hand-overs as races and miss ours. Under
/// it, loops run on plain threads, which it understands.
void plain_parallel_for(std::size_t count, const std::function<void(std::size_t)>& f);
}  // namespace detail
#endif

/// f(i) for i in [0, count), in any order. Runs inline where only one thread may be used.
template <typename F>
void parallel_for(std::size_t count, F&& f) {
  if (count == 1 || thread_count() == 1) {
    for (std::size_t i = 0; i < count; ++i) f(i);
    return;
  }
#ifdef __SANITIZE_THREAD__
  detail::plain_parallel_for(count, f);
#else
  tbb::parallel_for(std::size_t{0}, count, std::forward<F>(f), tbb::simple_partitioner{});
#endif
}

}  // namespace blindsight
