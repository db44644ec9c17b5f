#include "blindsight/base/parallel.h"

#include <gtest/gtest.h>

#include <atomic>
#include <numeric>
#include <set>
#include <stdexcept>
#include <thread>
#include <vector>

namespace blindsight {
namespace {

class Parallel : public testing::TestWithParam<int> {};

TEST_P(Parallel, EveryIndexOnce) {
  const ThreadLimit limit(GetParam());
  for (std::size_t count : {0, 1, 2, 3, 100, 10'000}) {
    std::vector<int> visits(count, 0);
    parallel_for(count, [&](std::size_t i) { ++visits[i]; });
    for (std::size_t i = 0; i < count; ++i) ASSERT_EQ(visits[i], 1) << i << " of " << count;
  }
}

TEST_P(Parallel, WorkBeforeAndAfterIsOrdered) {
  const ThreadLimit limit(GetParam());
  std::vector<long> values(1000);
  for (int round = 0; round < 20; ++round) {
    std::iota(values.begin(), values.end(), round);
    parallel_for(values.size(), [&](std::size_t i) { values[i] *= 2; });
    EXPECT_EQ(std::accumulate(values.begin(), values.end(), 0L), 2 * (999L * 1000 / 2 + 1000L * round));
  }
}

TEST_P(Parallel, MayBeNested) {
  const ThreadLimit limit(GetParam());
  std::atomic<int> sum = 0;
  parallel_for(10, [&](std::size_t) { parallel_for(10, [&](std::size_t) { ++sum; }); });
  EXPECT_EQ(sum, 100);
}

TEST_P(Parallel, ExceptionsArrive) {
  const ThreadLimit limit(GetParam());
  EXPECT_THROW(parallel_for(100,
                            [](std::size_t i) {
                              if (i == 57) throw std::runtime_error("57");
                            }),
               std::runtime_error);
}

INSTANTIATE_TEST_SUITE_P(Threads, Parallel, testing::Values(1, 2, 4));

TEST(ThreadLimit, HoldsWhileItLives) {
  const int before = thread_count();
  {
    const ThreadLimit one(1);
    EXPECT_EQ(thread_count(), 1);
  }
  EXPECT_EQ(thread_count(), before);
}

TEST(ThreadLimit, ZeroTakesAllCores) {
  const ThreadLimit all(0);
  EXPECT_GE(thread_count(), 1);
  EXPECT_LE(thread_count(), static_cast<int>(std::thread::hardware_concurrency()));
}

TEST(ThreadLimit, OneMeansTheCallingThreadInOrder) {
  const ThreadLimit one(1);
  std::vector<std::size_t> order;
  std::set<std::thread::id> threads;
  parallel_for(50, [&](std::size_t i) {
    order.push_back(i);
    threads.insert(std::this_thread::get_id());
  });
  std::vector<std::size_t> expected(50);
  std::iota(expected.begin(), expected.end(), 0u);
  EXPECT_EQ(order, expected);
  EXPECT_EQ(threads, std::set{std::this_thread::get_id()});
}

}  // namespace
}  // namespace blindsight
