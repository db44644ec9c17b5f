#include "blindsight/base/parallel.h"

#include <oneapi/tbb/info.h>

#ifdef __SANITIZE_THREAD__
#include <algorithm>
#include <exception>
#include <thread>
#include <vector>
#endif

namespace blindsight {

ThreadLimit::ThreadLimit(int threads)
    : control_(tbb::global_control::max_allowed_parallelism,
               static_cast<std::size_t>(threads > 0 ? threads : tbb::info::default_concurrency())) {}

int thread_count() {
  return static_cast<int>(tbb::global_control::active_value(tbb::global_control::max_allowed_parallelism));
}

#ifdef __SANITIZE_THREAD__
namespace detail {

void plain_parallel_for(std::size_t count, const std::function<void(std::size_t)>& f) {
  thread_local bool inside = false;  // a loop in a loop runs inline
  if (inside) {
    for (std::size_t i = 0; i < count; ++i) f(i);
    return;
  }
  const std::size_t workers = std::min(count, static_cast<std::size_t>(thread_count()));
  std::vector<std::exception_ptr> errors(workers);
  std::vector<std::thread> threads;
  threads.reserve(workers);
  for (std::size_t w = 0; w < workers; ++w) {
    threads.emplace_back([&, w] {
      inside = true;
      try {
        for (std::size_t i = w; i < count; i += workers) f(i);  // no shared counter: it would order what must not be
      } catch (...) {
        errors[w] = std::current_exception();
      }
    });
  }
  for (auto& thread : threads) thread.join();
  for (const auto& error : errors) {
    if (error) std::rethrow_exception(error);
  }
}

}  // namespace detail
#endif

}  // namespace blindsight
