#include "blindsight/ring/aligned.h"

#include <gtest/gtest.h>

#include <cstdint>
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

TEST(Aligned, BigBlocksComeBackForRequestsOfAboutTheirSize) {
  if (!caches()) GTEST_SKIP() << "sanitizers and other systems have no cache";
  drop_cached_blocks();
  EXPECT_EQ(cached_bytes(), 0u);
  const void* first = nullptr;
  {
    const AlignedVector<std::uint64_t> big(6 << 20);
    first = big.data();
  }
  EXPECT_GE(cached_bytes(), std::size_t{48} << 20);
  {
    const AlignedVector<std::uint64_t> other(1 << 20);  // far too small for it
    EXPECT_NE(other.data(), first);
    const AlignedVector<std::uint64_t> same((6 << 20) - 1000);
    EXPECT_EQ(same.data(), first);
    EXPECT_EQ(cached_bytes(), 0u);
  }
  drop_cached_blocks();
  EXPECT_EQ(cached_bytes(), 0u);
}

TEST(Aligned, TheCacheIsBounded) {
  if (!caches()) GTEST_SKIP() << "sanitizers and other systems have no cache";
  {
    std::vector<AlignedVector<std::uint64_t>> many;
    for (std::size_t bytes = 0; bytes <= kMostCachedBytes; bytes += std::size_t{128} << 20) many.emplace_back(16 << 20);
    many.emplace_back(kMostCachedBytes / 8 + 1);  // more than the cache takes at all; never written, so never there
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
