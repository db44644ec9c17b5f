#include "blindsight/ring/kernels.h"

#include <atomic>
#include <cstdlib>
#include <string>
#include <vector>

#include "blindsight/base/error.h"
#include "blindsight/ring/kernels_for_test.h"
#include "blindsight/ring/simd/constants.h"

namespace blindsight::ring {

std::span<const Kernels* const> available_kernels() {
  static const std::vector<const Kernels*> available = [] {
    std::vector<const Kernels*> found;
#ifdef BLINDSIGHT_X86
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
        __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512ifma"))
      found.push_back(&simd::ifma_kernels());
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) found.push_back(&simd::avx2_kernels());
#endif
    found.push_back(&simd::portable_kernels());
    return found;
  }();
  return available;
}

namespace {

const Kernels& choose() {
  const char* wanted = std::getenv("BLINDSIGHT_ISA");
  if (wanted == nullptr || *wanted == '\0') return *available_kernels().front();
  std::string names;
  for (const Kernels* k : available_kernels()) {
    if (k->name == wanted) return *k;
    names += (names.empty() ? "" : ", ") + std::string(k->name);
  }
  throw InvalidArgument("BLINDSIGHT_ISA=" + std::string(wanted) + " can't run here; this processor runs " + names);
}

/// Null until the first use. Any thread finds the same.
std::atomic<const Kernels*> in_use = nullptr;

}  // namespace

const Kernels& kernels() {
  const Kernels* table = in_use.load(std::memory_order_acquire);
  if (table == nullptr) {
    table = &choose();
    in_use.store(table, std::memory_order_release);
  }
  return *table;
}

KernelsForTest::KernelsForTest(const Kernels& table) { in_use.store(&table, std::memory_order_release); }
KernelsForTest::~KernelsForTest() { in_use.store(nullptr, std::memory_order_release); }

}  // namespace blindsight::ring
