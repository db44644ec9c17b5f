#include "blindsight/base/parallel.h"

#include <oneapi/tbb/info.h>

namespace blindsight {

ThreadLimit::ThreadLimit(int threads)
    : control_(tbb::global_control::max_allowed_parallelism,
               static_cast<std::size_t>(threads > 0 ? threads : tbb::info::default_concurrency())) {}

int thread_count() {
  return static_cast<int>(tbb::global_control::active_value(tbb::global_control::max_allowed_parallelism));
}

}  // namespace blindsight
