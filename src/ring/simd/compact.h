// Kernels on plaintexts of a subring: transforms that repeat every word, stored without repetitions. Those with real
// slots read the same from both ends, and are stored as their first halves. Included by generic.h.
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

/// The ends of both halves side by side, the far one backwards: what dot_symmetric reads in one go.
template <typename P>
void pack_symmetric(std::uint64_t* out, std::size_t stride, const std::uint64_t* const* a, std::size_t n,
                    std::size_t first, std::size_t count) {
  constexpr std::size_t L = P::kLanes;
  for (std::size_t half = 0; half < 2; ++half) {
    const std::uint64_t* const from = a[half];
    std::uint64_t* near = out + half * kPackedRun;
    std::uint64_t* far = near + 2 * kPackedRun;
    for (std::size_t i = first; i < first + count; i += kPackedRun, near += stride, far += stride)
      for (std::size_t v = 0; v < kPackedRun; v += L) P::store(near + v, P::load(from + i + v));
    far = out + (2 + half) * kPackedRun;
    for (std::size_t i = first; i < first + count; i += kPackedRun, far += stride)
      for (std::size_t v = 0; v < kPackedRun; v += L) P::store(far + v, P::reverse(P::load(from + n - L - i - v)));
  }
}

/// Both ends of both halves of a ciphertext share a load of w.
template <typename P, unsigned kLogRun>
void dot_symmetric_run(std::uint64_t* const* out, const std::uint64_t* const* a, std::size_t stride,
                       const std::uint64_t* const* w, std::size_t terms, unsigned log_run, std::size_t n,
                       std::size_t first, std::size_t count, const simd::Constants& constants) {
  const typename P::Q q(constants);
  const typename P::Folder folder(constants);
  constexpr std::size_t L = P::kLanes, kTogether = P::kCompactTogether, kAhead = 32;  // words of w
  std::size_t packed = 0;                                                             // from a[t]
  for (std::size_t i = first; i < first + count; i += kTogether * L) {
    typename P::Sum near0[kTogether], near1[kTogether], far0[kTogether], far1[kTogether];
    for (std::size_t v = 0; v < kTogether; ++v) {
      near0[v] = P::zero_sum(terms);
      near1[v] = P::zero_sum(terms);
      far0[v] = P::zero_sum(terms);
      far1[v] = P::zero_sum(terms);
    }
    for (std::size_t t = 0; t < terms; ++t) {
      const std::uint64_t* const words = a[t] + packed;
      for (std::size_t v = 0; v < kTogether; ++v) {
        if ((v == 0 || kLogRun == 0) && L > 1) __builtin_prefetch(w[t] + ((i + v * L) >> log_run) + kAhead);
        const auto weight = P::operand(spread<P, kLogRun>(w[t], i + v * L, log_run));
        P::accumulate(near0[v], P::operand(P::load(words + v * L)), weight);
        P::accumulate(near1[v], P::operand(P::load(words + kPackedRun + v * L)), weight);
        P::accumulate(far0[v], P::operand(P::load(words + 2 * kPackedRun + v * L)), weight);
        P::accumulate(far1[v], P::operand(P::load(words + 3 * kPackedRun + v * L)), weight);
      }
    }
    for (std::size_t v = 0; v < kTogether; ++v) {
      const std::size_t near = i + v * L, far = n - L - near;
      P::store(out[0] + near, P::fold(q, folder, near0[v], terms));
      P::store(out[1] + near, P::fold(q, folder, near1[v], terms));
      P::store(out[0] + far, P::reverse(P::fold(q, folder, far0[v], terms)));
      P::store(out[1] + far, P::reverse(P::fold(q, folder, far1[v], terms)));
    }
    packed += kTogether * L;
    if ((i + kTogether * L) % kPackedRun == 0) packed += stride - kPackedRun;
  }
}

template <typename P>
void pack_halves(std::uint64_t* out, std::size_t stride, const std::uint64_t* const* a, std::size_t first,
                 std::size_t count) {
  for (std::size_t half = 0; half < 2; ++half) {
    std::uint64_t* to = out + half * kPackedRun;
    for (std::size_t i = first; i < first + count; i += kPackedRun, to += stride)
      for (std::size_t v = 0; v < kPackedRun; v += P::kLanes) P::store(to + v, P::load(a[half] + i + v));
  }
}

/// Weights that stand for more words are few: they wait in the cache.
constexpr unsigned kPrefetchedRun = 3;  // log2

template <typename P>
inline void put(std::uint64_t* to, typename P::W x, bool past_caches) {
  past_caches ? P::stream(to, x) : P::store(to, x);
}

/// kOutputs sums share the loads of a.
template <typename P, unsigned kLogRun, std::size_t kOutputs>
void dot_halves_run(std::uint64_t* const* out, const std::uint64_t* const* a, std::size_t stride,
                    const std::uint64_t* const* w, std::size_t terms, unsigned log_run, std::size_t first,
                    std::size_t count, const simd::Constants& constants, bool past_caches) {
  const typename P::Q q(constants);
  const typename P::Folder folder(constants);
  constexpr std::size_t L = P::kLanes, kTogether = kOutputs == 1 ? P::kCompactTogether : 1, kAhead = 32;  // words of w
  std::size_t packed = 0;                                                                                 // from a[t]
  for (std::size_t i = first; i < first + count; i += kTogether * L) {
    typename P::Sum sum[kOutputs][kTogether][2];
    for (std::size_t o = 0; o < kOutputs; ++o)
      for (std::size_t v = 0; v < kTogether; ++v)
        for (std::size_t half = 0; half < 2; ++half) sum[o][v][half] = P::zero_sum(terms);
    for (std::size_t t = 0; t < terms; ++t) {
      const std::uint64_t* const words = a[t] + packed;
      for (std::size_t v = 0; v < kTogether; ++v) {
        const auto near = P::operand(P::load(words + v * L)), far = P::operand(P::load(words + kPackedRun + v * L));
        for (std::size_t o = 0; o < kOutputs; ++o) {
          const std::uint64_t* const weights = w[o * terms + t];
          if ((v == 0 || kLogRun == 0) && L > 1 && log_run <= kPrefetchedRun)
            __builtin_prefetch(weights + ((i + v * L) >> log_run) + kAhead);
          const auto weight = P::operand(spread<P, kLogRun>(weights, i + v * L, log_run));
          P::accumulate(sum[o][v][0], near, weight);
          P::accumulate(sum[o][v][1], far, weight);
        }
      }
    }
    for (std::size_t o = 0; o < kOutputs; ++o)
      for (std::size_t v = 0; v < kTogether; ++v)
        for (std::size_t half = 0; half < 2; ++half)
          put<P>(out[2 * o + half] + i + v * L, P::fold(q, folder, sum[o][v][half], terms), past_caches);
    packed += kTogether * L;
    if ((i + kTogether * L) % kPackedRun == 0) packed += stride - kPackedRun;
  }
}

template <typename P, std::size_t kOutputs>
void dot_halves_tile(std::uint64_t* const* out, const std::uint64_t* const* a, std::size_t stride,
                     const std::uint64_t* const* w, std::size_t terms, unsigned log_run, std::size_t first,
                     std::size_t count, const simd::Constants& constants, bool past_caches) {
  switch (log_run) {
    case 0:
      return dot_halves_run<P, 0, kOutputs>(out, a, stride, w, terms, log_run, first, count, constants, past_caches);
    case 1:
      return dot_halves_run<P, 1, kOutputs>(out, a, stride, w, terms, log_run, first, count, constants, past_caches);
    case 2:
      return dot_halves_run<P, 2, kOutputs>(out, a, stride, w, terms, log_run, first, count, constants, past_caches);
    default:
      return dot_halves_run<P, 3, kOutputs>(out, a, stride, w, terms, log_run, first, count, constants, past_caches);
  }
}

template <typename P>
void dot_halves(std::uint64_t* const* out, std::size_t outputs, const std::uint64_t* const* a, std::size_t stride,
                const std::uint64_t* const* w, std::size_t terms, unsigned log_run, std::size_t first,
                std::size_t count, const Modulus& modulus, bool past_caches) {
  const simd::Constants constants = simd::constants_of(modulus);
  while (outputs > 0) {
    std::size_t done = 1;
    if (outputs >= 4 && P::kCompactOutputs >= 4) {
      done = 4;
      dot_halves_tile<P, 4>(out, a, stride, w, terms, log_run, first, count, constants, past_caches);
    } else if (outputs >= 2 && P::kCompactOutputs >= 2) {
      done = 2;
      dot_halves_tile<P, 2>(out, a, stride, w, terms, log_run, first, count, constants, past_caches);
    } else {
      dot_halves_tile<P, 1>(out, a, stride, w, terms, log_run, first, count, constants, past_caches);
    }
    out += 2 * done;
    w += done * terms;
    outputs -= done;
  }
  if (past_caches) P::order_streams();
}

template <typename P>
void dot_symmetric(std::uint64_t* const* out, const std::uint64_t* const* a, std::size_t stride,
                   const std::uint64_t* const* w, std::size_t terms, unsigned log_run, std::size_t n, std::size_t first,
                   std::size_t count, const Modulus& modulus) {
  const simd::Constants constants = simd::constants_of(modulus);
  switch (log_run) {
    case 0:
      return dot_symmetric_run<P, 0>(out, a, stride, w, terms, log_run, n, first, count, constants);
    case 1:
      return dot_symmetric_run<P, 1>(out, a, stride, w, terms, log_run, n, first, count, constants);
    case 2:
      return dot_symmetric_run<P, 2>(out, a, stride, w, terms, log_run, n, first, count, constants);
    default:
      return dot_symmetric_run<P, 3>(out, a, stride, w, terms, log_run, n, first, count, constants);
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
