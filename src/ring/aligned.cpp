#include "blindsight/ring/aligned.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <mutex>
#include <set>
#include <unordered_map>
#include <utility>

// Sanitizers must see every allocation.
#if defined(__linux__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define BLINDSIGHT_BLOCK_CACHE
#include <sys/mman.h>
#endif

namespace blindsight::ring {

namespace {

constexpr std::align_val_t kAlignment{64};

#ifdef BLINDSIGHT_BLOCK_CACHE

constexpr std::size_t kPage = std::size_t{2} << 20;  // a huge one
constexpr std::size_t kSmallestCached = std::size_t{1} << 20;
constexpr std::size_t kGrain = std::size_t{64} << 10;
/// Address space that is mapped at a time; what is never written is never there.
constexpr std::size_t kRegion = std::size_t{1} << 30;
constexpr std::size_t kSlack = std::size_t{16} << 20;

std::size_t rounded_up(std::size_t bytes, std::size_t to) {
  if (bytes > SIZE_MAX - to) throw std::bad_alloc();
  return (bytes + to - 1) / to * to;
}

/// Pieces of memory that touch are one.
class FreePieces {
 public:
  std::size_t bytes() const { return bytes_; }

  void add(std::uintptr_t start, std::size_t size) {
    bytes_ += size;
    auto next = by_start_.lower_bound(start);
    if (next != by_start_.end() && start + size == next->first) {
      size += next->second;
      by_size_.erase({next->second, next->first});
      next = by_start_.erase(next);
    }
    if (next != by_start_.begin()) {
      const auto before = std::prev(next);
      if (before->first + before->second == start) {
        start = before->first;
        size += before->second;
        by_size_.erase({before->second, before->first});
        by_start_.erase(before);
      }
    }
    by_start_.emplace(start, size);
    by_size_.emplace(size, start);
  }

  /// From the smallest piece that is large enough; 0 where there is none.
  std::uintptr_t take(std::size_t size) {
    const auto found = by_size_.lower_bound({size, 0});
    if (found == by_size_.end()) return 0;
    const auto [whole, start] = *found;
    by_size_.erase(found);
    by_start_.erase(start);
    bytes_ -= whole;
    if (whole > size) add(start + size, whole - size);
    return start;
  }

  /// Takes the largest piece.
  std::pair<std::uintptr_t, std::size_t> take_largest() {
    const std::size_t size = by_size_.rbegin()->first;
    return {take(size), size};
  }

 private:
  std::map<std::uintptr_t, std::size_t> by_start_;
  std::set<std::pair<std::size_t, std::uintptr_t>> by_size_;
  std::size_t bytes_ = 0;
};

/// A heap of big blocks. Memory that was written once is written again rather than fresh memory.
class BlockCache {
 public:
  void* allocate(std::size_t bytes) {
    const std::size_t size = rounded_up(bytes, kGrain);
    const std::lock_guard lock(mutex_);
    std::uintptr_t start = written_.take(size);
    if (start == 0) {
      start = unwritten_.take(size);
      if (start == 0) start = from_region(size);
      lend(start, size);
      while (written_.bytes() > 0 && lent_bytes_ + written_.bytes() > most_held()) drop_largest();
    } else {
      lend(start, size);
    }
    return reinterpret_cast<void*>(start);
  }

  void release(void* block) noexcept {
    const auto start = reinterpret_cast<std::uintptr_t>(block);
    const std::lock_guard lock(mutex_);
    const auto found = lent_.find(start);
    const std::size_t size = found->second;
    lent_.erase(found);
    lent_bytes_ -= size;
    written_.add(start, size);
    while (written_.bytes() > kMostCachedBytes) drop_largest();
  }

  std::size_t cached_bytes() {
    const std::lock_guard lock(mutex_);
    return written_.bytes();
  }

  void drop_all() {
    const std::lock_guard lock(mutex_);
    while (written_.bytes() > 0) drop_largest();
  }

 private:
  void lend(std::uintptr_t start, std::size_t size) {
    lent_.emplace(start, size);
    lent_bytes_ += size;
    most_lent_ = std::max(most_lent_, lent_bytes_);
  }

  /// What is kept must not make a process much larger than it once had to be.
  std::size_t most_held() const { return most_lent_ + most_lent_ / 16 + kSlack; }

  std::uintptr_t from_region(std::size_t size) {
    if (region_left_ < size) {
      if (region_left_ > 0) unwritten_.add(region_, region_left_);
      region_left_ = 0;
      map_region(rounded_up(std::max(size, kRegion), kPage));
    }
    const std::uintptr_t start = region_;
    region_ += size;
    region_left_ -= size;
    return start;
  }

  /// Aligned to huge pages.
  void map_region(std::size_t bytes) {
    void* const mapped = mmap(nullptr, rounded_up(bytes, kPage) + kPage, PROT_READ | PROT_WRITE,
                              MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (mapped == MAP_FAILED) throw std::bad_alloc();
    region_ = rounded_up(reinterpret_cast<std::uintptr_t>(mapped), kPage);
    region_left_ = bytes;
    madvise(reinterpret_cast<void*>(region_), bytes, MADV_HUGEPAGE);  // a hint: it may fail
  }

  /// Gives the memory back to the system, not its addresses.
  void drop_largest() {
    const auto [start, size] = written_.take_largest();
    madvise(reinterpret_cast<void*>(start), size, MADV_DONTNEED);
    unwritten_.add(start, size);
  }

  std::mutex mutex_;
  FreePieces written_, unwritten_;
  std::uintptr_t region_ = 0;  // never lent so far, from here on
  std::size_t region_left_ = 0;
  std::unordered_map<std::uintptr_t, std::size_t> lent_;
  std::size_t lent_bytes_ = 0, most_lent_ = 0;
};

/// Never destroyed: static objects give their storage back late.
BlockCache& block_cache() {
  static auto* const cache = new BlockCache;
  return *cache;
}

#endif

}  // namespace

void* allocate_block(std::size_t bytes) {
#ifdef BLINDSIGHT_BLOCK_CACHE
  if (bytes >= kSmallestCached) return block_cache().allocate(bytes);
#endif
  return ::operator new(bytes, kAlignment);
}

void release_block(void* block, std::size_t bytes) noexcept {
  if (block == nullptr) return;
#ifdef BLINDSIGHT_BLOCK_CACHE
  if (bytes >= kSmallestCached) {
    block_cache().release(block);
    return;
  }
#endif
  ::operator delete(block, bytes, kAlignment);
}

std::size_t cached_bytes() {
#ifdef BLINDSIGHT_BLOCK_CACHE
  return block_cache().cached_bytes();
#else
  return 0;
#endif
}

void drop_cached_blocks() {
#ifdef BLINDSIGHT_BLOCK_CACHE
  block_cache().drop_all();
#endif
}

}  // namespace blindsight::ring
