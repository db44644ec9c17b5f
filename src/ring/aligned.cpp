#include "blindsight/ring/aligned.h"

#include <algorithm>
#include <cstdint>
#include <mutex>
#include <unordered_map>

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
constexpr std::size_t kSlack = std::size_t{16} << 20;

struct Block {
  void* start;
  std::size_t bytes;
};

/// Whole huge pages, mapped in one piece so that they are aligned.
Block map_block(std::size_t bytes) {
  if (bytes > SIZE_MAX - 2 * kPage) throw std::bad_alloc();
  const std::size_t rounded = (bytes + kPage - 1) / kPage * kPage;
  void* const mapped =
      mmap(nullptr, rounded + kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (mapped == MAP_FAILED) throw std::bad_alloc();
  auto* const first = static_cast<std::uint8_t*>(mapped);
  const std::size_t head = (kPage - reinterpret_cast<std::uintptr_t>(mapped) % kPage) % kPage;
  if (head != 0) munmap(first, head);
  if (head != kPage) munmap(first + head + rounded, kPage - head);
  madvise(first + head, rounded, MADV_HUGEPAGE);  // a hint: it may fail
  return {first + head, rounded};
}

class BlockCache {
 public:
  void* allocate(std::size_t bytes) {
    {
      const std::lock_guard lock(mutex_);
      const std::size_t best = best_fit(bytes);
      if (best != cached_.size()) {
        const Block block = cached_[best];
        cached_.erase(cached_.begin() + static_cast<std::ptrdiff_t>(best));
        cached_bytes_ -= block.bytes;
        lend(block);
        return block.start;
      }
    }
    const Block block = map_block(bytes);
    const std::lock_guard lock(mutex_);
    lend(block);
    while (!cached_.empty() && lent_bytes_ + cached_bytes_ > most_held()) drop_oldest();
    return block.start;
  }

  void release(void* start) noexcept {
    const std::lock_guard lock(mutex_);
    const auto found = lent_.find(start);
    const Block block{start, found->second};
    lent_.erase(found);
    lent_bytes_ -= block.bytes;
    if (block.bytes > kMostCachedBytes) {
      munmap(block.start, block.bytes);
      return;
    }
    while (cached_bytes_ + block.bytes > kMostCachedBytes) drop_oldest();
    try {
      cached_.push_back(block);
      cached_bytes_ += block.bytes;
    } catch (const std::bad_alloc&) {
      munmap(block.start, block.bytes);
    }
  }

  std::size_t cached_bytes() {
    const std::lock_guard lock(mutex_);
    return cached_bytes_;
  }

  void drop_all() {
    const std::lock_guard lock(mutex_);
    while (!cached_.empty()) drop_oldest();
  }

 private:
  void lend(const Block& block) {
    lent_.emplace(block.start, block.bytes);
    lent_bytes_ += block.bytes;
    most_lent_ = std::max(most_lent_, lent_bytes_);
  }

  /// What is kept must not make a process much larger than it once had to be.
  std::size_t most_held() const { return most_lent_ + most_lent_ / 16 + kSlack; }

  /// The smallest that is no more than a quarter (or a page) too big; of those, the one given back last.
  std::size_t best_fit(std::size_t bytes) const {
    std::size_t best = cached_.size();
    for (std::size_t i = cached_.size(); i-- > 0;) {
      const std::size_t have = cached_[i].bytes;
      if (have < bytes || have - bytes > bytes / 4 + kPage) continue;
      if (best == cached_.size() || have < cached_[best].bytes) best = i;
    }
    return best;
  }

  void drop_oldest() {
    munmap(cached_.front().start, cached_.front().bytes);
    cached_bytes_ -= cached_.front().bytes;
    cached_.erase(cached_.begin());
  }

  std::mutex mutex_;
  std::vector<Block> cached_;  // in the order they were given back
  std::size_t cached_bytes_ = 0;
  std::unordered_map<void*, std::size_t> lent_;
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
