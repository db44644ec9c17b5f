// Linear combinations of rows of words with fixed weights, modulo several primes at once: what base conversion does.
// Included by generic.h; see there for what a policy P is.
//
// A policy's Combine holds a prime; its Weight, one weight in the form its multiplier likes. The weights carry a factor
// 2^kRadix where `settle` divides by as much (Montgomery 1985).
#pragma once

#include <cstddef>
#include <cstdint>

#include "blindsight/ring/kernels.h"
#include "blindsight/ring/simd/constants.h"

namespace blindsight::ring {
namespace {

// So many words of every row are copied to the stack and used for every target: limbs lie a power of two apart, so the
// caches would keep few of them side by side. 128 words of 25 rows fill most of an L1 cache.
constexpr std::size_t kCombineWords = 128;
constexpr std::size_t kLineWords = 8;       // of a cache
constexpr std::size_t kCombineTargets = 4;  // share every load of a row

template <typename P>
struct CombineGroup {
  typename P::Combine target[kCombineTargets];
  typename P::Weight weight[kMaxCombineTerms][kCombineTargets];
};

/// out[t][0 .. count) for kTargets targets; rows lie `stride` words apart.
template <typename P, std::size_t kTargets>
[[gnu::noinline]] void combine_block(std::uint64_t* const* out, std::size_t at, const std::uint64_t* rows,
                                     std::size_t stride, std::size_t terms, std::size_t count,
                                     const CombineGroup<P>& group) {
  constexpr std::size_t V = P::kCombineVectors;
  for (std::size_t i = 0; i < count; i += V * P::kLanes) {
    typename P::Sum sum[kTargets][V];
    for (std::size_t t = 0; t < kTargets; ++t)
      for (std::size_t v = 0; v < V; ++v) sum[t][v] = P::zero_sum(terms);
    for (std::size_t j = 0; j < terms; ++j) {
      typename P::Operand word[V];
      for (std::size_t v = 0; v < V; ++v) word[v] = P::operand(P::load(rows + j * stride + i + v * P::kLanes));
      for (std::size_t t = 0; t < kTargets; ++t) {
        const auto weight = P::spread(group.weight[j][t]);
        for (std::size_t v = 0; v < V; ++v) P::accumulate(sum[t][v], word[v], weight);
      }
    }
    for (std::size_t t = 0; t < kTargets; ++t)
      for (std::size_t v = 0; v < V; ++v)
        P::store(out[t] + at + i + v * P::kLanes, P::settle(group.target[t], sum[t][v]));
  }
}

template <typename P>
void combine(std::uint64_t* const* out, const std::uint64_t* const* a, const std::uint64_t* weights,
             std::size_t targets, std::size_t terms, std::size_t n, const Modulus* const* q) {
  constexpr std::size_t kGroups = 4;  // prepared together: 16 targets
  alignas(64) std::uint64_t rows[kMaxCombineTerms * kCombineWords];
  CombineGroup<P> group[kGroups];
  for (std::size_t first = 0; first < targets; first += kGroups * kCombineTargets) {
    const std::size_t here = targets - first < kGroups * kCombineTargets ? targets - first : kGroups * kCombineTargets;
    for (std::size_t t = 0; t < here; ++t) {
      const simd::Constants constants = simd::constants_of(*q[first + t]);
      CombineGroup<P>& into = group[t / kCombineTargets];
      into.target[t % kCombineTargets] = P::combine_target(constants);
      for (std::size_t j = 0; j < terms; ++j)
        into.weight[j][t % kCombineTargets] =
            P::weight(simd::times_power_of_two(weights[(first + t) * terms + j], P::kRadix, constants.q));
    }
    for (std::size_t i = 0; i < n; i += kCombineWords) {
      const std::size_t count = n - i < kCombineWords ? n - i : kCombineWords;
      for (std::size_t j = 0; j < terms; ++j)
        for (std::size_t k = 0; k < count; k += P::kLanes) {
          if (k % kLineWords == 0) __builtin_prefetch(a[j] + i + k + kCombineWords);
          P::store(rows + j * kCombineWords + k, P::load(a[j] + i + k));
        }
      for (std::size_t t = 0; t < here; t += kCombineTargets) {
        const CombineGroup<P>& g = group[t / kCombineTargets];
        switch (here - t) {
          case 1:
            combine_block<P, 1>(out + first + t, i, rows, kCombineWords, terms, count, g);
            break;
          case 2:
            combine_block<P, 2>(out + first + t, i, rows, kCombineWords, terms, count, g);
            break;
          case 3:
            combine_block<P, 3>(out + first + t, i, rows, kCombineWords, terms, count, g);
            break;
          default:
            combine_block<P, 4>(out + first + t, i, rows, kCombineWords, terms, count, g);
        }
      }
    }
  }
}

template <typename P>
void round_sum(std::uint64_t* out, const std::uint64_t* const* a, const double* factors, std::size_t terms,
               std::size_t n) {
  for (std::size_t i = 0; i < n; i += P::kLanes) {
    auto sum = P::set_double(0.5);
    for (std::size_t j = 0; j < terms; ++j)
      sum = P::add_doubles(sum, P::multiply_doubles(P::word_to_double(P::load(a[j] + i)), P::set_double(factors[j])));
    P::store(out + i, P::truncated(sum));
  }
}

}  // namespace
}  // namespace blindsight::ring
