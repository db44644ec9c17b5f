// Kernels that count what they are asked for, and do it.
#pragma once

#include <atomic>
#include <bit>
#include <cstdint>

#include "blindsight/ring/kernels_for_test.h"

namespace blindsight::ring::test {

/// What the kernels did since reset(), in the units of compiler/work.h.
struct Counts {
  std::atomic<std::uint64_t> butterflies, pair_products, weight_products, weight_words, sums, conversions, passes,
      packed, unpacked, integers;  ///< the last: words transformed of integers
  void reset() {
    for (auto* count : {&butterflies, &pair_products, &weight_products, &weight_words, &sums, &conversions, &passes,
                        &packed, &unpacked, &integers})
      *count = 0;
  }
};
inline Counts counts;

inline const Kernels& counted() { return *available_kernels().front(); }

inline const Kernels& counting_kernels() {
  static const Kernels table = [] {
    Kernels k = counted();
    k.ntt_forward = [](std::uint64_t* a, std::size_t n, const NttTables& t) {
      counts.butterflies += n / 2 * static_cast<unsigned>(std::countr_zero(n));
      counted().ntt_forward(a, n, t);
    };
    k.ntt_forward_integers = [](std::uint64_t* out, const std::int32_t* in, std::size_t n, const NttTables& t) {
      counts.butterflies += n / 2 * static_cast<unsigned>(std::countr_zero(n));
      counts.integers += n;
      counted().ntt_forward_integers(out, in, n, t);
    };
    k.ntt_inverse = [](std::uint64_t* a, std::size_t n, const NttTables& t) {
      counts.butterflies += n / 2 * static_cast<unsigned>(std::countr_zero(n));
      counted().ntt_inverse(a, n, t);
    };
    k.add = [](std::uint64_t* o, const std::uint64_t* a, const std::uint64_t* b, std::size_t n, const Modulus& q) {
      counts.passes += n;
      counted().add(o, a, b, n, q);
    };
    k.sub = [](std::uint64_t* o, const std::uint64_t* a, const std::uint64_t* b, std::size_t n, const Modulus& q) {
      counts.passes += n;
      counted().sub(o, a, b, n, q);
    };
    k.mul = [](std::uint64_t* o, const std::uint64_t* a, const std::uint64_t* b, std::size_t n, const Modulus& q) {
      counts.passes += n;
      counted().mul(o, a, b, n, q);
    };
    k.mul_scalar = [](std::uint64_t* o, const std::uint64_t* a, std::uint64_t w, std::size_t n, const Modulus& q) {
      counts.passes += n;
      counted().mul_scalar(o, a, w, n, q);
    };
    k.sub_mul_scalar = [](std::uint64_t* o, const std::uint64_t* a, const std::uint64_t* b, std::uint64_t w,
                          std::size_t n, const Modulus& q) {
      counts.passes += n;
      counted().sub_mul_scalar(o, a, b, w, n, q);
    };
    k.switch_modulus = [](std::uint64_t* o, const std::uint64_t* a, std::size_t n, const Modulus& from,
                          const Modulus& to) {
      counts.passes += n;
      counted().switch_modulus(o, a, n, from, to);
    };
    k.permute = [](std::uint64_t* o, std::size_t stride, const std::uint64_t* a, std::size_t origin,
                   const std::uint32_t* index, std::size_t n) {
      counts.passes += n;
      counted().permute(o, stride, a, origin, index, n);
    };
    k.add_permuted = [](std::uint64_t* acc, const std::uint64_t* a, const std::uint32_t* index, std::size_t n,
                        const Modulus& q) {
      counts.passes += n;
      counted().add_permuted(acc, a, index, n, q);
    };
    k.round_sum = [](std::uint64_t* o, const std::uint64_t* const* a, const double* f, std::size_t terms,
                     std::size_t n) {
      counts.passes += n;
      counted().round_sum(o, a, f, terms, n);
    };
    k.split_symmetric = [](std::uint64_t* f, std::uint64_t* g, const std::uint64_t* a, std::size_t n,
                           const NttTables& t) {
      counts.passes += n;
      counted().split_symmetric(f, g, a, n, t);
    };
    k.dot_pair = [](std::uint64_t* o0, std::uint64_t* o1, const std::uint64_t* plus, const std::uint64_t* const* a,
                    const std::uint64_t* const* b0, const std::uint64_t* const* b1, std::size_t terms, std::size_t n,
                    const Modulus& q) {
      counts.pair_products += 2 * terms * n;
      counts.sums += 2 * n;
      counted().dot_pair(o0, o1, plus, a, b0, b1, terms, n, q);
    };
    k.dot_symmetric = [](std::uint64_t* const* o, const std::uint64_t* const* a, std::size_t stride,
                         const std::uint64_t* const* w, std::size_t terms, unsigned log_run, std::size_t n,
                         std::size_t first, std::size_t count, const Modulus& q) {
      counts.weight_products += 4 * terms * count;
      counts.weight_words += terms * (count >> log_run);
      counts.sums += 4 * count;
      counted().dot_symmetric(o, a, stride, w, terms, log_run, n, first, count, q);
    };
    k.combine = [](std::uint64_t* const* o, const std::uint64_t* const* a, const std::uint64_t* weights,
                   std::size_t targets, std::size_t terms, std::size_t n, const Modulus* const* q) {
      counts.conversions += targets * terms * n;
      counted().combine(o, a, weights, targets, terms, n, q);
    };
    k.pack_symmetric = [](std::uint64_t* o, std::size_t stride, const std::uint64_t* const* a, std::size_t n,
                          std::size_t first, std::size_t count) {
      counts.packed += 4 * count;
      counted().pack_symmetric(o, stride, a, n, first, count);
    };
    k.dot_halves = [](std::uint64_t* const* o, std::size_t outputs, const std::uint64_t* const* a, std::size_t stride,
                      const std::uint64_t* const* w, std::size_t terms, unsigned log_run, std::size_t first,
                      std::size_t count, const Modulus& q, bool past_caches) {
      counts.weight_products += 2 * outputs * terms * count;
      counts.weight_words += outputs * terms * (count >> log_run);
      counts.sums += 2 * outputs * count;
      counted().dot_halves(o, outputs, a, stride, w, terms, log_run, first, count, q, past_caches);
    };
    k.pack_halves = [](std::uint64_t* o, std::size_t stride, const std::uint64_t* const* a, std::size_t first,
                       std::size_t count) {
      counts.packed += 2 * count;
      counted().pack_halves(o, stride, a, first, count);
    };
    k.unpack = [](std::uint64_t* o, const std::uint8_t* in, unsigned bits, std::size_t n, std::uint64_t bound) {
      counts.unpacked += n;
      return counted().unpack(o, in, bits, n, bound);
    };
    return k;
  }();
  return table;
}

}  // namespace blindsight::ring::test
