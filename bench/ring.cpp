// Kernels of every instruction set that this processor runs, and how far the transform is from what the multiplier
// allows: `bench_ring --benchmark_repetitions=5`; take the minimum. `x_bound` is the time over that of three 52-bit
// multiplications per butterfly at full rate.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <bit>
#include <chrono>
#include <limits>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "blindsight/ring/kernels.h"
#include "blindsight/ring/poly.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace blindsight::ring {
namespace {

const NttTables& tables(std::size_t n) {
  static std::vector<std::unique_ptr<NttTables>> made(18);
  std::unique_ptr<NttTables>& slot = made[static_cast<std::size_t>(std::countr_zero(n))];
  if (!slot) slot = std::make_unique<NttTables>(n, Modulus(find_primes(50, n, 1)[0]));
  return *slot;
}

AlignedVector<std::uint64_t> random_words(std::size_t n, const Modulus& q) {
  std::mt19937_64 random(n);
  AlignedVector<std::uint64_t> words(n);
  for (std::uint64_t& w : words) w = random() % q.value();
  return words;
}

double seconds_of(auto&& f) {
  const auto start = std::chrono::steady_clock::now();
  f();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

#if defined(__x86_64__)
/// Seconds of one vector of eight 52-bit multiplications at full rate: eight chains, in registers (hence the assembly:
/// left to itself, GCC keeps them in memory), that wait for nothing else.
__attribute__((target("avx512f,avx512ifma"))) double seconds_per_multiplication() {
  double best = std::numeric_limits<double>::infinity();
  for (int run = 0; run < 200; ++run) {
    const __m512i b = _mm512_set1_epi64(0x9876543210);
    __m512i a0 = b, a1 = b, a2 = b, a3 = b, a4 = b, a5 = b, a6 = b, a7 = b;
    constexpr int kRounds = 5000;
    const auto start = std::chrono::steady_clock::now();
    for (int round = 0; round < kRounds; ++round)
      asm volatile(
          "vpmadd52luq %8, %8, %0\n\tvpmadd52luq %8, %8, %1\n\tvpmadd52luq %8, %8, %2\n\tvpmadd52luq %8, %8, %3\n\t"
          "vpmadd52luq %8, %8, %4\n\tvpmadd52luq %8, %8, %5\n\tvpmadd52luq %8, %8, %6\n\tvpmadd52luq %8, %8, %7"
          : "+v"(a0), "+v"(a1), "+v"(a2), "+v"(a3), "+v"(a4), "+v"(a5), "+v"(a6), "+v"(a7)
          : "v"(b));
    const double t = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    best = std::min(best, t / (8.0 * kRounds));
  }
  return best;
}

/// Three multiplications for each of the n/2·log2(n) butterflies; 0 where there is no such multiplier.
double transform_bound(std::size_t n) {
  static const double one = __builtin_cpu_supports("avx512ifma") ? seconds_per_multiplication() : 0;
  return one * 3 / 8 * static_cast<double>(n / 2) * std::countr_zero(n);
}
#else
double transform_bound(std::size_t) { return 0; }
#endif

using Transform = void (*)(std::uint64_t*, std::size_t, const NttTables&);

void transform(benchmark::State& state, Transform run, std::size_t n) {
  const NttTables& t = tables(n);
  AlignedVector<std::uint64_t> words = random_words(n, t.modulus());
  double best = std::numeric_limits<double>::infinity();
  for (auto _ : state) {
    const double seconds = seconds_of([&] { run(words.data(), n, t); });
    best = std::min(best, seconds);
    state.SetIterationTime(seconds);
  }
  state.counters["min_us"] = best * 1e6;
  if (const double bound = transform_bound(n); bound > 0) state.counters["x_bound"] = best / bound;
}

/// One pass over arrays of n words; `products` of them a word.
template <typename F>
void pointwise(benchmark::State& state, F&& run, std::size_t n, std::size_t products) {
  double best = std::numeric_limits<double>::infinity();
  for (auto _ : state) {
    const double seconds = seconds_of(run);
    best = std::min(best, seconds);
    state.SetIterationTime(seconds);
  }
  state.counters["min_us"] = best * 1e6;
  state.counters["ns_per_word"] = best * 1e9 / static_cast<double>(n * products);
}

void register_all() {
  constexpr std::size_t kN = 8192, kTerms = 16;
  for (const Kernels* k : available_kernels()) {
    const std::string isa(k->name);
    for (const std::size_t n : {1U << 13, 1U << 14, 1U << 15, 1U << 16}) {
      const std::string size = isa + "/" + std::to_string(n);
      benchmark::RegisterBenchmark(("ntt_forward/" + size).c_str(), transform, k->ntt_forward, n)->UseManualTime();
      benchmark::RegisterBenchmark(("ntt_inverse/" + size).c_str(), transform, k->ntt_inverse, n)->UseManualTime();
    }
    static const Modulus q = tables(kN).modulus(), other(find_primes(49, kN, 1)[0]);
    static const AlignedVector<std::uint64_t> a = random_words(kN, q), b = random_words(kN, q);
    static AlignedVector<std::uint64_t> out(kN);
    static std::vector<AlignedVector<std::uint64_t>> storage(2 * kTerms, a);
    static std::vector<const std::uint64_t*> left, right;
    static std::vector<std::uint32_t> index(kN);
    if (left.empty()) {
      for (std::size_t i = 0; i < kTerms; ++i) left.push_back(storage[i].data());
      for (std::size_t i = 0; i < kTerms; ++i) right.push_back(storage[kTerms + i].data());
      index = automorphism_index(kN, 5);
    }
    const auto add = [&](const char* name, auto run, std::size_t products) {
      benchmark::RegisterBenchmark((name + ("/" + isa)).c_str(), [=](benchmark::State& state) {
        pointwise(state, run, kN, products);
      })->UseManualTime();
    };
    add(
        "add", [k] { k->add(out.data(), a.data(), b.data(), kN, q); }, 1);
    add(
        "mul", [k] { k->mul(out.data(), a.data(), b.data(), kN, q); }, 1);
    add(
        "mul_add", [k] { k->mul_add(out.data(), a.data(), b.data(), kN, q); }, 1);
    add(
        "mul_scalar", [k] { k->mul_scalar(out.data(), a.data(), 12345, kN, q); }, 1);
    add(
        "dot16", [k] { k->dot(out.data(), left.data(), right.data(), kTerms, kN, q); }, kTerms);
    add(
        "switch_modulus", [k] { k->switch_modulus(out.data(), a.data(), kN, q, other); }, 1);
    add(
        "permute", [k] { k->permute(out.data(), ring::kPackedRun, a.data(), 0, index.data(), kN); }, 1);
  }
}

}  // namespace
}  // namespace blindsight::ring

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  blindsight::ring::register_all();
  benchmark::RunSpecifiedBenchmarks();
}
