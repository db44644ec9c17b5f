#include "blindsight/ring/aligned.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <random>
#include <thread>
#include <vector>

namespace blindsight::ring {
namespace {

bool caches() {
  drop_cached_blocks();
  { const AlignedVector<std::uint64_t> big(1 << 20); }
  return cached_bytes() != 0;
}

TEST(Aligned, AllSizesAreAlignedAndWritable) {
  for (const std::size_t words : {1UL, 1000UL, 131071UL, 131072UL, 262144UL, 262145UL, 1000000UL}) {
    AlignedVector<std::uint64_t> v(words, 7);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(v.data()) % 64, 0u);
    EXPECT_EQ(v.front() + v.back(), 14u);
  }
}

TEST(Aligned, BlocksGivenBackServeLaterRequests) {
  if (!caches()) GTEST_SKIP() << "sanitizers and other systems have no cache";
  drop_cached_blocks();
  EXPECT_EQ(cached_bytes(), 0u);
  const std::uint64_t* first = nullptr;
  {
    const AlignedVector<std::uint64_t> big(6 << 20);
    first = big.data();
  }
  EXPECT_EQ(cached_bytes(), std::size_t{48} << 20);
  {
    const AlignedVector<std::uint64_t> part(1 << 20), other(2 << 20), rest(3 << 20);
    for (const auto* v : {&part, &other, &rest}) {
      EXPECT_GE(v->data(), first);
      EXPECT_LE(v->data() + v->size(), first + (6 << 20));
    }
    EXPECT_EQ(cached_bytes(), 0u);
  }
  {
    const AlignedVector<std::uint64_t> whole(6 << 20);  // the parts are one again
    EXPECT_EQ(whole.data(), first);
  }
  drop_cached_blocks();
  EXPECT_EQ(cached_bytes(), 0u);
  const AlignedVector<std::uint64_t> again(6 << 20, 5);
  EXPECT_EQ(again[1 << 20], 5u);
}

/// Blocks of many sizes, given back in any order, never overlap.
TEST(Aligned, BlocksKeepTheirWords) {
  std::mt19937_64 random(1);
  std::vector<AlignedVector<std::uint64_t>> held;
  for (std::uint64_t round = 0; round < 600; ++round) {
    if (held.size() > 12 || (!held.empty() && random() % 3 == 0)) {
      const std::size_t i = random() % held.size();
      for (const std::size_t at : {std::size_t{1}, held[i].size() / 2, held[i].size() - 1}) {
        ASSERT_EQ(held[i][at], held[i][0]) << "round " << round;
      }
      held.erase(held.begin() + static_cast<std::ptrdiff_t>(i));
      if (random() % 50 == 0) drop_cached_blocks();
    } else {
      auto& v = held.emplace_back((128 << 10) + random() % (1 << 20));
      for (const std::size_t at : {std::size_t{0}, std::size_t{1}, v.size() / 2, v.size() - 1}) v[at] = round;
    }
  }
}

TEST(Aligned, TheCacheIsBounded) {
  if (!caches()) GTEST_SKIP() << "sanitizers and other systems have no cache";
  {
    std::vector<AlignedVector<std::uint64_t>> many;
    for (std::size_t bytes = 0; bytes <= kMostCachedBytes; bytes += std::size_t{128} << 20) many.emplace_back(16 << 20);
  }
  EXPECT_LE(cached_bytes(), kMostCachedBytes);
  EXPECT_GE(cached_bytes(), kMostCachedBytes / 2);
  drop_cached_blocks();
}

TEST(Aligned, ThreadsShareTheCache) {
  std::vector<std::thread> threads;
  for (std::uint64_t t = 0; t < 4; ++t) {
    threads.emplace_back([t] {
      for (std::size_t round = 0; round < 200; ++round) {
        AlignedVector<std::uint64_t> v((128 << 10) + (round % 3 << 17));
        for (std::size_t i = 0; i < v.size(); i += 4096) v[i] = t;
        std::uint64_t wrong = 0;
        for (std::size_t i = 0; i < v.size(); i += 4096) wrong += v[i] != t;
        ASSERT_EQ(wrong, 0u);
      }
    });
  }
  for (auto& thread : threads) thread.join();
}

}  // namespace
}  // namespace blindsight::ring
