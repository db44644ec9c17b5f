// Every kernel, written once over a vector policy P (word.h, ifma.h, avx2.h). Included by the one file of each
// instruction set; everything has internal linkage, because those files are built with different flags.
//
// A policy has words W (integers in [0, q)) and transform values V (whatever lazy form suits its multiplier), both
// of kLanes lanes; Q holds a modulus, F a fixed factor for words, Tw a twiddle. A Sum gathers products of Operands
// (words made ready for many of them) without reducing any; `fold` and `settle` make it a word.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "blindsight/ring/kernels.h"
#include "blindsight/ring/simd/combine.h"
#include "blindsight/ring/simd/compact.h"
#include "blindsight/ring/simd/constants.h"
#include "blindsight/ring/simd/unpack.h"

// The pieces of a transform must share one function, so that their constants stay in registers.
#define BLINDSIGHT_INLINE [[gnu::always_inline]] inline

namespace blindsight::ring {
namespace {

using std::size_t;
using std::uint32_t;
using std::uint64_t;

// Blocks of this many words are transformed depth first: 32 KiB, one L1 cache.
constexpr size_t kBlockWords = 4096;
/// Bytes that the first pass of a transform fetches ahead in each quarter.
constexpr size_t kPassAhead = 2048;

// A butterfly is a long chain of dependent operations, and a processor looks ahead over a few dozen vector registers
// only: so neighbouring butterflies of a level are written side by side, P::kTogether (or kInverseTogether) vectors of
// every quarter in a pass, P::kStageVectors vectors in the stage inside registers.
#define BLINDSIGHT_UNROLL _Pragma("GCC unroll 16")

/// Levels of the last stage inside registers: kPairs times 2·kLanes words, nodes k, k + 1, ... of the twiddle tree at
/// the top. A zip after each level brings the next butterfly's halves into two registers with the twiddles in table
/// order; after log2(2·kLanes) of them every word is back in its place.
template <typename P, size_t kPairs, size_t kCount>
BLINDSIGHT_INLINE void forward_in_register(const typename P::Q& q, typename P::V* v, const typename P::Twiddles& tw,
                                           size_t k) {
  BLINDSIGHT_UNROLL
  for (size_t i = 0; i < kPairs; ++i) P::zip(v[2 * i], v[2 * i + 1]);
  if constexpr (kCount <= P::kLanes) {
    // The second of every two levels may skip the taming.
    BLINDSIGHT_UNROLL
    for (size_t i = 0; i < kPairs; ++i)
      P::template forward<(kCount == 4)>(q, v[2 * i], v[2 * i + 1], P::template tile<kCount>(q, tw, (k + i) * kCount));
    forward_in_register<P, kPairs, kCount * 2>(q, v, tw, k);
  }
}

/// Where the negatives of the inverses of the twiddles k .. k + count - 1 are, in falling order (see NttTables).
BLINDSIGHT_INLINE size_t mirrored(size_t k, size_t count = 1) {
  return 3 * (size_t{1} << (63 - __builtin_clzll(k))) - count - k;
}

/// Mirror image of forward_in_register in every sense: the twiddles of a vector come in falling order, so between the
/// first unzip and the last the words stand backwards in their registers. There the odd words come out first.
template <typename P, size_t kPairs, size_t kCount>
BLINDSIGHT_INLINE void inverse_in_register(const typename P::Q& q, typename P::V* v, const typename P::Twiddles& tw,
                                           size_t k) {
  BLINDSIGHT_UNROLL
  for (size_t i = 0; i < kPairs; ++i) {
    if constexpr (kCount == P::kLanes)
      P::unzip_backwards(v[2 * i], v[2 * i + 1]);
    else if constexpr (kCount >= 2)
      P::unzip(v[2 * i + 1], v[2 * i]);
    else
      P::unzip_backwards(v[2 * i + 1], v[2 * i]);
  }
  if constexpr (kCount >= 2) {
    BLINDSIGHT_UNROLL
    for (size_t i = 0; i < kPairs; ++i)
      P::template inverse<(kCount < P::kLanes)>(
          q, v[2 * i], v[2 * i + 1], P::template tile<kCount>(q, tw, mirrored(k * kCount, kCount) - i * kCount));
    inverse_in_register<P, kPairs, kCount / 2>(q, v, tw, k);
  }
}

/// What a pass reads: values as passes leave them, words, or integers of (-q, q).
enum class From { kValues, kWords, kIntegers };
template <From kFrom>
using Source = std::conditional_t<kFrom == From::kIntegers, std::int32_t, uint64_t>;

template <typename P, From kFrom>
BLINDSIGHT_INLINE typename P::V fetch(const typename P::Q& q, const Source<kFrom>* a) {
  if constexpr (kFrom == From::kIntegers)
    return P::enter_integers(q, a);
  else if constexpr (kFrom == From::kWords)
    return P::enter(q, P::load(a));
  else
    return P::load_value(a);
}

/// The last stage of the forward transform: kBlocks neighbouring blocks of kVectors (2 or 4) vectors of words, nodes
/// k, k + 1, ...
template <typename P, size_t kVectors, size_t kBlocks, From kFrom>
BLINDSIGHT_INLINE void forward_last(const typename P::Q& q, uint64_t* a, const Source<kFrom>* in,
                                    const typename P::Twiddles& tw, size_t k) {
  constexpr size_t kAll = kVectors * kBlocks;
  typename P::V v[kAll];
  BLINDSIGHT_UNROLL
  for (size_t i = 0; i < kAll; ++i) v[i] = fetch<P, kFrom>(q, in + i * P::kLanes);
  if constexpr (kVectors == 4) {
    BLINDSIGHT_UNROLL
    for (size_t i = 0; i < kBlocks; ++i) {
      const auto w = P::splat(tw, k + i);
      P::template forward<true>(q, v[4 * i], v[4 * i + 2], w);
      P::template forward<true>(q, v[4 * i + 1], v[4 * i + 3], w);
    }
    k *= 2;
  }
  BLINDSIGHT_UNROLL
  for (size_t i = 0; i < kAll / 2; ++i)
    P::template forward<(kVectors == 2)>(q, v[2 * i], v[2 * i + 1], P::splat(tw, k + i));
  forward_in_register<P, kAll / 2, 2>(q, v, tw, k);
  BLINDSIGHT_UNROLL
  for (size_t i = 0; i < kAll; ++i) P::store(a + i * P::kLanes, P::leave_forward(q, v[i]));
}

/// Mirror image of forward_last. With kScaled this is the whole transform.
template <typename P, size_t kVectors, size_t kBlocks, bool kScaled>
BLINDSIGHT_INLINE void inverse_first(const typename P::Q& q, uint64_t* a, const typename P::Twiddles& tw, size_t k,
                                     typename P::F scale, typename P::F scaled_last) {
  constexpr size_t kAll = kVectors * kBlocks;
  typename P::V v[kAll];
  BLINDSIGHT_UNROLL
  for (size_t i = 0; i < kAll; ++i) {
    if (i * P::kLanes % kLineWords == 0) __builtin_prefetch(a + i * P::kLanes + kBlockWords);  // of the next block
    v[i] = P::enter(q, P::load(a + i * P::kLanes));
  }
  inverse_in_register<P, kAll / 2, P::kLanes>(q, v, tw, kVectors / 2 * k);
  if constexpr (kVectors == 4) {
    BLINDSIGHT_UNROLL
    for (size_t i = 0; i < kAll / 2; ++i)
      P::template inverse<true>(q, v[2 * i], v[2 * i + 1], P::splat(tw, mirrored(2 * k) - i));
  }
  BLINDSIGHT_UNROLL
  for (size_t i = 0; i < kAll; ++i) {
    constexpr size_t kHalf = kVectors / 2;
    if (i % kVectors >= kHalf) continue;
    if constexpr (kScaled)
      P::inverse_scaled(q, v[i], v[i + kHalf], scale, scaled_last);
    else
      P::template inverse<true>(q, v[i], v[i + kHalf], P::splat(tw, mirrored(k) - i / kVectors));
  }
  BLINDSIGHT_UNROLL
  for (size_t i = 0; i < kAll; ++i) {
    if constexpr (kScaled)
      P::store(a + i * P::kLanes, P::leave_inverse(q, v[i]));
    else
      P::store_value(a + i * P::kLanes, v[i]);
  }
}

/// Two levels in one pass over `length` words, kTogether vectors of every quarter at a time: node k, then its children
/// 2k and 2k + 1.
template <typename P, size_t kTogether, From kFrom>
BLINDSIGHT_INLINE void forward_pass(const typename P::Q& q, uint64_t* a, const Source<kFrom>* in, size_t length,
                                    const typename P::Twiddles& tw, size_t k) {
  const auto w1 = P::splat(tw, k), w2 = P::splat(tw, 2 * k), w3 = P::splat(tw, 2 * k + 1);
  const size_t quarter = length / 4;
  constexpr size_t L = P::kLanes;
  for (uint64_t* end = a + quarter; a != end; a += kTogether * L, in += kTogether * L) {
    typename P::V v[4][kTogether];
    BLINDSIGHT_UNROLL
    for (size_t i = 0; i < 4 * kTogether; ++i) {
      const Source<kFrom>* const from = in + i / kTogether * quarter + i % kTogether * L;
      if (kFrom != From::kValues && L > 1 && i % kTogether * L % kLineWords == 0)
        __builtin_prefetch(from + kPassAhead / sizeof(*from));
      v[i / kTogether][i % kTogether] = fetch<P, kFrom>(q, from);
    }
    BLINDSIGHT_UNROLL
    for (size_t i = 0; i < kTogether; ++i) P::template forward<true>(q, v[0][i], v[2][i], w1);
    BLINDSIGHT_UNROLL
    for (size_t i = 0; i < kTogether; ++i) P::template forward<true>(q, v[1][i], v[3][i], w1);
    BLINDSIGHT_UNROLL
    for (size_t i = 0; i < kTogether; ++i) P::template forward<false>(q, v[0][i], v[1][i], w2);
    BLINDSIGHT_UNROLL
    for (size_t i = 0; i < kTogether; ++i) P::template forward<false>(q, v[2][i], v[3][i], w3);
    BLINDSIGHT_UNROLL
    for (size_t i = 0; i < 4 * kTogether; ++i)
      P::store_value(a + i / kTogether * quarter + i % kTogether * L, v[i / kTogether][i % kTogether]);
  }
}

template <typename P, size_t kTogether, bool kScaled>
BLINDSIGHT_INLINE void inverse_pass(const typename P::Q& q, uint64_t* a, size_t length, const typename P::Twiddles& tw,
                                    size_t k, typename P::F scale, typename P::F scaled_last) {
  const auto w1 = P::splat(tw, mirrored(k)), w2 = P::splat(tw, mirrored(2 * k));
  const auto w3 = P::splat(tw, mirrored(2 * k) - 1);
  const size_t quarter = length / 4;
  constexpr size_t L = P::kLanes;
  for (uint64_t* end = a + quarter; a != end; a += kTogether * L) {
    typename P::V v[4][kTogether];
    BLINDSIGHT_UNROLL
    for (size_t i = 0; i < 4 * kTogether; ++i)
      v[i / kTogether][i % kTogether] = P::load_value(a + i / kTogether * quarter + i % kTogether * L);
    BLINDSIGHT_UNROLL
    for (size_t i = 0; i < kTogether; ++i) P::template inverse<false>(q, v[0][i], v[1][i], w2);
    BLINDSIGHT_UNROLL
    for (size_t i = 0; i < kTogether; ++i) P::template inverse<false>(q, v[2][i], v[3][i], w3);
    BLINDSIGHT_UNROLL
    for (size_t i = 0; i < kTogether; ++i) {
      if constexpr (kScaled)
        P::inverse_scaled(q, v[0][i], v[2][i], scale, scaled_last);
      else
        P::template inverse<true>(q, v[0][i], v[2][i], w1);
    }
    BLINDSIGHT_UNROLL
    for (size_t i = 0; i < kTogether; ++i) {
      if constexpr (kScaled)
        P::inverse_scaled(q, v[1][i], v[3][i], scale, scaled_last);
      else
        P::template inverse<false>(q, v[1][i], v[3][i], w1);
    }
    BLINDSIGHT_UNROLL
    for (size_t i = 0; i < 4 * kTogether; ++i) {
      uint64_t* to = a + i / kTogether * quarter + i % kTogether * L;
      if constexpr (kScaled)
        P::store(to, P::leave_inverse(q, v[i / kTogether][i % kTogether]));
      else
        P::store_value(to, v[i / kTogether][i % kTogether]);
    }
  }
}

template <typename P, size_t kVectors>
void forward_tree(const typename P::Q& shared_q, uint64_t* a, size_t length, const typename P::Twiddles& shared_tw,
                  size_t k) {
  // Copies that no store to `a` may alias.
  const typename P::Q q = shared_q;
  const typename P::Twiddles tw = shared_tw;
  if (length > kBlockWords) {
    forward_pass<P, P::kTogether, From::kValues>(q, a, a, length, tw, k);
    for (size_t i = 0; i < 4; ++i)
      forward_tree<P, kVectors>(shared_q, a + i * (length / 4), length / 4, shared_tw, 4 * k + i);
    return;
  }
  constexpr size_t kLast = kVectors * P::kLanes, kBlocks = P::kStageVectors / kVectors;
  size_t count = 1;
  for (size_t sub = length; sub > kLast; sub /= 4, count *= 4, k *= 4) {
    if (sub >= 4 * P::kTogether * P::kLanes) {
      for (size_t i = 0; i < count; ++i)
        forward_pass<P, P::kTogether, From::kValues>(q, a + i * sub, a + i * sub, sub, tw, k + i);
    } else {
      for (size_t i = 0; i < count; ++i)
        forward_pass<P, kVectors, From::kValues>(q, a + i * sub, a + i * sub, sub, tw, k + i);
    }
  }
  if (count >= kBlocks) {
    for (size_t i = 0; i < count; i += kBlocks)
      forward_last<P, kVectors, kBlocks, From::kValues>(q, a + i * kLast, a + i * kLast, tw, k + i);
  } else {
    for (size_t i = 0; i < count; ++i)
      forward_last<P, kVectors, 1, From::kValues>(q, a + i * kLast, a + i * kLast, tw, k + i);
  }
}

template <typename P, size_t kVectors>
void inverse_tree(const typename P::Q& shared_q, uint64_t* a, size_t length, const typename P::Twiddles& shared_tw,
                  size_t k) {
  const typename P::Q q = shared_q;
  const typename P::Twiddles tw = shared_tw;
  const typename P::F none{};
  if (length > kBlockWords) {
    for (size_t i = 0; i < 4; ++i)
      inverse_tree<P, kVectors>(shared_q, a + i * (length / 4), length / 4, shared_tw, 4 * k + i);
    inverse_pass<P, P::kInverseTogether, false>(q, a, length, tw, k, none, none);
    return;
  }
  constexpr size_t kFirst = kVectors * P::kLanes, kBlocks = P::kStageVectors / kVectors;
  size_t count = length / kFirst;
  if (count >= kBlocks) {
    for (size_t i = 0; i < count; i += kBlocks)
      inverse_first<P, kVectors, kBlocks, false>(q, a + i * kFirst, tw, k * count + i, none, none);
  } else {
    for (size_t i = 0; i < count; ++i)
      inverse_first<P, kVectors, 1, false>(q, a + i * kFirst, tw, k * count + i, none, none);
  }
  for (size_t sub = kFirst * 4; sub <= length; sub *= 4) {
    count /= 4;
    if (sub >= 4 * P::kInverseTogether * P::kLanes) {
      for (size_t i = 0; i < count; ++i)
        inverse_pass<P, P::kInverseTogether, false>(q, a + i * sub, sub, tw, k * count + i, none, none);
    } else {
      for (size_t i = 0; i < count; ++i)
        inverse_pass<P, kVectors, false>(q, a + i * sub, sub, tw, k * count + i, none, none);
    }
  }
}

template <typename P, size_t kVectors, From kFrom>
void transform_forward(uint64_t* a, const Source<kFrom>* in, const simd::TableView& view) {
  const typename P::Q q(view.constants);
  const typename P::Twiddles tw = P::twiddles(view);
  if (view.n == kVectors * P::kLanes) {
    forward_last<P, kVectors, 1, kFrom>(q, a, in, tw, 1);
    return;
  }
  {
    const typename P::Q local = q;  // the address of q escapes below
    if (view.n >= 4 * P::kTogether * P::kLanes)
      forward_pass<P, P::kTogether, kFrom>(local, a, in, view.n, tw, 1);
    else
      forward_pass<P, kVectors, kFrom>(local, a, in, view.n, tw, 1);
  }
  for (size_t i = 0; i < 4; ++i) forward_tree<P, kVectors>(q, a + i * (view.n / 4), view.n / 4, tw, 4 + i);
}

template <typename P, size_t kVectors>
void transform_inverse(uint64_t* a, const simd::TableView& view) {
  const typename P::Q q(view.constants);
  const typename P::Twiddles tw = P::twiddles(view);
  const typename P::F scale = P::factor(view.scale), scaled_last = P::factor(view.scaled_last);
  if (view.n == kVectors * P::kLanes) {
    inverse_first<P, kVectors, 1, true>(q, a, tw, 1, scale, scaled_last);
    return;
  }
  for (size_t i = 0; i < 4; ++i) inverse_tree<P, kVectors>(q, a + i * (view.n / 4), view.n / 4, tw, 4 + i);
  const typename P::Q local = q;  // the address of q escaped above
  if (view.n >= 4 * P::kInverseTogether * P::kLanes)
    inverse_pass<P, P::kInverseTogether, true>(local, a, view.n, tw, 1, scale, scaled_last);
  else
    inverse_pass<P, kVectors, true>(local, a, view.n, tw, 1, scale, scaled_last);
}

/// True where the levels outside the last stage of 2·lanes words are odd in number: that stage then takes one more.
inline bool needs_wide_stage(size_t n, size_t lanes) {
  bool odd = false;
  for (size_t m = 2 * lanes; m < n; m *= 2) odd = !odd;
  return odd;
}

template <typename P, From kFrom>
void forward(uint64_t* out, const Source<kFrom>* in, size_t n, const NttTables& tables) {
  const simd::TableView view = simd::view_of(tables, n, P::kForm);
  needs_wide_stage(n, P::kLanes) ? transform_forward<P, 4, kFrom>(out, in, view)
                                 : transform_forward<P, 2, kFrom>(out, in, view);
}

template <typename P>
void ntt_forward(uint64_t* a, size_t n, const NttTables& tables) {
  forward<P, From::kWords>(a, a, n, tables);
}

template <typename P>
void ntt_forward_integers(uint64_t* out, const std::int32_t* in, size_t n, const NttTables& tables) {
  forward<P, From::kIntegers>(out, in, n, tables);
}

template <typename P>
void ntt_inverse(uint64_t* a, size_t n, const NttTables& tables) {
  const simd::TableView view = simd::view_of(tables, n, P::kForm);
  needs_wide_stage(n, P::kLanes) ? transform_inverse<P, 4>(a, view) : transform_inverse<P, 2>(a, view);
}

template <typename P>
void add(uint64_t* out, const uint64_t* a, const uint64_t* b, size_t n, const Modulus& modulus) {
  const auto q = P::set(simd::constants_of(modulus).q);
  for (size_t i = 0; i < n; i += P::kLanes)
    P::store(out + i, P::subtract_if(P::add(P::load(a + i), P::load(b + i)), q));
}

template <typename P>
void sub(uint64_t* out, const uint64_t* a, const uint64_t* b, size_t n, const Modulus& modulus) {
  const auto q = P::set(simd::constants_of(modulus).q);
  for (size_t i = 0; i < n; i += P::kLanes)
    P::store(out + i, P::subtract_if(P::add(P::load(a + i), P::sub(q, P::load(b + i))), q));
}

template <typename P>
void neg(uint64_t* out, const uint64_t* a, size_t n, const Modulus& modulus) {
  const auto q = P::set(simd::constants_of(modulus).q);
  for (size_t i = 0; i < n; i += P::kLanes) P::store(out + i, P::subtract_if(P::sub(q, P::load(a + i)), q));
}

template <typename P>
void mul(uint64_t* out, const uint64_t* a, const uint64_t* b, size_t n, const Modulus& modulus) {
  const typename P::Q q(simd::constants_of(modulus));
  for (size_t i = 0; i < n; i += P::kLanes) P::store(out + i, P::mul(q, P::load(a + i), P::load(b + i)));
}

template <typename P>
void mul_add(uint64_t* acc, const uint64_t* a, const uint64_t* b, size_t n, const Modulus& modulus) {
  const simd::Constants constants = simd::constants_of(modulus);
  const typename P::Q q(constants);
  const auto modulus_word = P::set(constants.q);
  for (size_t i = 0; i < n; i += P::kLanes) {
    const auto sum = P::add(P::load(acc + i), P::mul(q, P::load(a + i), P::load(b + i)));
    P::store(acc + i, P::subtract_if(sum, modulus_word));
  }
}

template <typename P>
void dot(uint64_t* out, const uint64_t* const* a, const uint64_t* const* b, size_t terms, size_t n,
         const Modulus& modulus) {
  const simd::Constants constants = simd::constants_of(modulus);
  const typename P::Q q(constants);
  const typename P::Folder folder(constants);
  constexpr size_t kTogether = 16 / P::kLanes < 4 ? 16 / P::kLanes : 4;
  for (size_t i = 0; i < n; i += kTogether * P::kLanes) {
    typename P::Sum sum[kTogether];
    for (size_t v = 0; v < kTogether; ++v) sum[v] = P::zero_sum(terms);
    for (size_t t = 0; t < terms; ++t)
      for (size_t v = 0; v < kTogether; ++v)
        P::accumulate(sum[v], P::operand(P::load(a[t] + i + v * P::kLanes)),
                      P::operand(P::load(b[t] + i + v * P::kLanes)));
    for (size_t v = 0; v < kTogether; ++v) P::store(out + i + v * P::kLanes, P::fold(q, folder, sum[v], terms));
  }
}

template <typename P>
void dot_pair(uint64_t* out0, uint64_t* out1, const uint64_t* plus, const uint64_t* const* a, const uint64_t* const* b0,
              const uint64_t* const* b1, size_t terms, size_t n, const Modulus& modulus) {
  const simd::Constants constants = simd::constants_of(modulus);
  const typename P::Q q(constants);
  const typename P::Folder folder(constants);
  constexpr size_t kVectors = P::kCombineVectors;
  const size_t all = terms + (plus == nullptr ? 0 : 1);
  for (size_t i = 0; i < n; i += kVectors * P::kLanes) {
    typename P::Sum sum0[kVectors], sum1[kVectors];
    for (size_t v = 0; v < kVectors; ++v) {
      sum0[v] = plus == nullptr ? P::zero_sum(terms) : P::sum_of(P::load(plus + i + v * P::kLanes), terms);
      sum1[v] = P::zero_sum(terms);
    }
    for (size_t t = 0; t < terms; ++t)
      for (size_t v = 0; v < kVectors; ++v) {
        const auto word = P::operand(P::load(a[t] + i + v * P::kLanes));
        P::accumulate(sum0[v], word, P::operand(P::load(b0[t] + i + v * P::kLanes)));
        P::accumulate(sum1[v], word, P::operand(P::load(b1[t] + i + v * P::kLanes)));
      }
    for (size_t v = 0; v < kVectors; ++v) {
      P::store(out0 + i + v * P::kLanes, P::fold(q, folder, sum0[v], all));
      P::store(out1 + i + v * P::kLanes, P::fold(q, folder, sum1[v], all));
    }
  }
}

template <typename P>
void mul_scalar(uint64_t* out, const uint64_t* a, uint64_t w, size_t n, const Modulus& modulus) {
  const simd::Constants constants = simd::constants_of(modulus);
  const typename P::Q q(constants);
  const typename P::F factor = P::factor(simd::factor_of(w, constants.q));
  for (size_t i = 0; i < n; i += P::kLanes) P::store(out + i, P::mul_factor(q, P::load(a + i), factor));
}

template <typename P>
void sub_mul_scalar(uint64_t* out, const uint64_t* a, const uint64_t* b, uint64_t w, size_t n, const Modulus& modulus) {
  const simd::Constants constants = simd::constants_of(modulus);
  const typename P::Q q(constants);
  const auto modulus_word = P::set(constants.q);
  const typename P::F factor = P::factor(simd::factor_of(w, constants.q));
  for (size_t i = 0; i < n; i += P::kLanes) {
    const auto difference = P::add(P::load(a + i), P::sub(modulus_word, P::load(b + i)));
    P::store(out + i, P::mul_factor(q, difference, factor));
  }
}

template <typename P>
void switch_modulus(uint64_t* out, const uint64_t* a, size_t n, const Modulus& from, const Modulus& to) {
  const simd::Constants source = simd::constants_of(from), target = simd::constants_of(to);
  const typename P::Q q(target);
  const typename P::F one = P::factor(simd::factor_of(1, target.q));
  const auto q_word = P::set(target.q), half = P::set(source.q / 2);
  // Words above half stand for a - from: they get -from mod `to` on top.
  const auto offset = P::set(target.q - source.q % target.q);
  for (size_t i = 0; i < n; i += P::kLanes) {
    const auto word = P::load(a + i);
    const auto reduced = P::mul_factor(q, word, one);
    P::store(out + i, P::subtract_if(P::add(reduced, P::where_above(word, half, offset)), q_word));
  }
}

template <typename P>
inline typename P::W permuted(const uint64_t* a, size_t origin, const uint32_t* index, size_t i) {
  return P::pick(a + ((index[i] & ~static_cast<uint32_t>(P::kLanes - 1)) - origin), index + i);
}

template <typename P>
void permute(uint64_t* out, size_t stride, const uint64_t* a, size_t origin, const uint32_t* index, size_t n) {
  for (size_t run = 0; run < n; run += kPackedRun, out += stride)
    for (size_t v = 0; v < kPackedRun; v += P::kLanes) P::store(out + v, permuted<P>(a, origin, index, run + v));
}

template <typename P>
void add_permuted(uint64_t* acc, const uint64_t* a, const uint32_t* index, size_t n, const Modulus& modulus) {
  const auto q = P::set(simd::constants_of(modulus).q);
  for (size_t i = 0; i < n; i += P::kLanes)
    P::store(acc + i, P::subtract_if(P::add(P::load(acc + i), permuted<P>(a, 0, index, i)), q));
}

template <typename P>
constexpr Kernels make_kernels(std::string_view name) {
  return {name,
          ntt_forward<P>,
          ntt_forward_integers<P>,
          ntt_inverse<P>,
          add<P>,
          sub<P>,
          neg<P>,
          mul<P>,
          mul_add<P>,
          dot<P>,
          dot_pair<P>,
          combine<P>,
          round_sum<P>,
          mul_scalar<P>,
          sub_mul_scalar<P>,
          switch_modulus<P>,
          permute<P>,
          add_permuted<P>,
          pack_symmetric<P>,
          dot_symmetric<P>,
          pack_halves<P>,
          dot_halves<P>,
          split_symmetric<P>,
          unpack<P>};
}

}  // namespace
}  // namespace blindsight::ring
