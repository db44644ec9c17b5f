// Vectors aligned for full-width loads.
#pragma once

#include <cstddef>
#include <new>
#include <utility>
#include <vector>

namespace blindsight::ring {

/// Storage of `bytes` bytes, 64-byte aligned, not initialised; big blocks are on huge pages where the system has them,
/// and up to kMostCachedBytes of those given back are kept for later requests, in parts or together with their
/// neighbours: fresh memory costs a page fault, and the clearing, of every page. Thread-safe. Throws std::bad_alloc.
void* allocate_block(std::size_t bytes);
void release_block(void* block, std::size_t bytes) noexcept;
inline constexpr std::size_t kMostCachedBytes = std::size_t{2} << 30;
/// What is kept now.
std::size_t cached_bytes();
/// Gives it back to the system.
void drop_cached_blocks();

/// Allocator of 64-byte-aligned storage that leaves new elements uninitialised unless a value is given.
template <typename T>
struct AlignedAllocator {
  using value_type = T;
  AlignedAllocator() = default;
  template <typename U>
  AlignedAllocator(const AlignedAllocator<U>&) {}
  T* allocate(std::size_t n) { return static_cast<T*>(allocate_block(n * sizeof(T))); }
  void deallocate(T* p, std::size_t n) { release_block(p, n * sizeof(T)); }
  template <typename U>
  void construct(U* p) {
    ::new (static_cast<void*>(p)) U;
  }
  template <typename U, typename... Args>
  void construct(U* p, Args&&... args) {
    ::new (static_cast<void*>(p)) U(std::forward<Args>(args)...);
  }
  template <typename U>
  bool operator==(const AlignedAllocator<U>&) const {
    return true;
  }
};

template <typename T>
using AlignedVector = std::vector<T, AlignedAllocator<T>>;

/// Asks for memory that will be read soon; it need not be all there. The value is what __builtin_prefetch takes.
enum class Cache { kL1 = 3, kL2 = 2 };
template <Cache kInto = Cache::kL1>
void prefetch(const void* begin, std::size_t bytes) {
  constexpr std::size_t kLine = 64;
  for (std::size_t at = 0; at < bytes; at += kLine)
    __builtin_prefetch(static_cast<const char*>(begin) + at, 0, static_cast<int>(kInto));
}

}  // namespace blindsight::ring
