// Kernels on plaintexts of a subring with real slots: transforms that repeat every word and read the same from both
// ends, stored as their first halves without repetitions. Included by generic.h.
#pragma once

#include <cstddef>
#include <cstdint>

#include "blindsight/ring/kernels.h"
#include "blindsight/ring/simd/constants.h"

namespace blindsight::ring {
namespace {

/// The lanes of words i .. i + kLanes, where every word of w stands for 2^log_run.
template <typename P, unsigned kLogRun>
inline typename P::W spread(const std::uint64_t* w, std::size_t i, unsigned log_run) {
  if constexpr ((std::size_t{1} << kLogRun) >= P::kLanes)
    return P::set(w[i >> log_run]);
  else
    return P::template repeat<kLogRun>(w + (i >> kLogRun));
}

/// Both halves of a ciphertext, and with kBothEnds also their mirror images, share a load of w.
template <typename P, unsigned kLogRun>
void dot_symmetric_run(std::uint64_t* const* out, const std::uint64_t* const* const* a, const std::uint64_t* const* w,
                       std::size_t terms, unsigned log_run, std::size_t n, std::size_t first, std::size_t count,
                       const simd::Constants& constants) {
  const typename P::Q q(constants);
  const typename P::Folder folder(constants);
  constexpr std::size_t L = P::kLanes, kTogether = P::kCompactTogether;
  const std::uint64_t* const* const a0 = a[0];
  const std::uint64_t* const* const a1 = a[1];
  for (std::size_t i = first; i < first + count; i += kTogether * L) {
    const std::size_t mirror = n - kTogether * L - i;
    typename P::Sum near0[kTogether], near1[kTogether], far0[kTogether], far1[kTogether];
    for (std::size_t v = 0; v < kTogether; ++v) near0[v] = near1[v] = far0[v] = far1[v] = P::zero_sum();
    if constexpr (P::kCompactBothEnds) {
      for (std::size_t t = 0; t < terms; ++t)
        for (std::size_t v = 0; v < kTogether; ++v) {
          const auto weight = spread<P, kLogRun>(w[t], i + v * L, log_run);
          P::accumulate(near0[v], P::load(a0[t] + i + v * L), weight);
          P::accumulate(near1[v], P::load(a1[t] + i + v * L), weight);
          const auto reversed = P::reverse(weight);
          const std::size_t at = mirror + (kTogether - 1 - v) * L;
          P::accumulate(far0[v], P::load(a0[t] + at), reversed);
          P::accumulate(far1[v], P::load(a1[t] + at), reversed);
        }
    } else {
      for (std::size_t t = 0; t < terms; ++t)
        for (std::size_t v = 0; v < kTogether; ++v) {
          const auto weight = spread<P, kLogRun>(w[t], i + v * L, log_run);
          P::accumulate(near0[v], P::load(a0[t] + i + v * L), weight);
          P::accumulate(near1[v], P::load(a1[t] + i + v * L), weight);
        }
      for (std::size_t t = 0; t < terms; ++t)
        for (std::size_t v = 0; v < kTogether; ++v) {
          const auto reversed = P::reverse(spread<P, kLogRun>(w[t], i + v * L, log_run));
          const std::size_t at = mirror + (kTogether - 1 - v) * L;
          P::accumulate(far0[v], P::load(a0[t] + at), reversed);
          P::accumulate(far1[v], P::load(a1[t] + at), reversed);
        }
    }
    for (std::size_t v = 0; v < kTogether; ++v) {
      const std::size_t at = mirror + (kTogether - 1 - v) * L;
      P::store(out[0] + i + v * L, P::fold(q, folder, near0[v]));
      P::store(out[1] + i + v * L, P::fold(q, folder, near1[v]));
      P::store(out[0] + at, P::fold(q, folder, far0[v]));
      P::store(out[1] + at, P::fold(q, folder, far1[v]));
    }
  }
}

template <typename P>
void dot_symmetric(std::uint64_t* const* out, const std::uint64_t* const* const* a, const std::uint64_t* const* w,
                   std::size_t terms, unsigned log_run, std::size_t n, std::size_t first, std::size_t count,
                   const Modulus& modulus) {
  const simd::Constants constants = simd::constants_of(modulus);
  switch (log_run) {
    case 0:
      return dot_symmetric_run<P, 0>(out, a, w, terms, log_run, n, first, count, constants);
    case 1:
      return dot_symmetric_run<P, 1>(out, a, w, terms, log_run, n, first, count, constants);
    case 2:
      return dot_symmetric_run<P, 2>(out, a, w, terms, log_run, n, first, count, constants);
    default:
      return dot_symmetric_run<P, 3>(out, a, w, terms, log_run, n, first, count, constants);
  }
}

template <typename P>
void split_symmetric(std::uint64_t* f, std::uint64_t* g, const std::uint64_t* a, std::size_t n,
                     const NttTables& tables) {
  const simd::SplitFactors factors = simd::split_factors(tables);
  const simd::Constants constants = factors.constants;
  const typename P::Q q(constants);
  const auto modulus_word = P::set(constants.q);
  const typename P::F half = P::factor(factors.half), half_root = P::factor(factors.half_root);
  for (std::size_t i = 0; i < n / 2; i += P::kLanes) {
    const auto x = P::load(a + i), y = P::reverse(P::load(a + n - P::kLanes - i));
    P::store(f + i, P::mul_factor(q, P::add(x, y), half));
    P::store(g + i, P::mul_factor(q, P::add(x, P::sub(modulus_word, y)), half_root));
  }
}

}  // namespace
}  // namespace blindsight::ring
