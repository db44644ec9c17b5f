// The one kernel interface: every hot loop over the words of a limb, in three implementations with identical results.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "blindsight/ring/modulus.h"
#include "blindsight/ring/ntt_tables.h"

namespace blindsight::ring {

/// Most terms of a linear combination (Kernels::combine).
inline constexpr std::size_t kMaxCombineTerms = 25;
/// Words that stand together wherever kernels take or give a limb in pieces (Kernels::pack_halves, pack_symmetric,
/// permute).
inline constexpr std::size_t kPackedRun = 16;
/// Bytes that Kernels::unpack fetches ahead: those before it begins are its caller's to fetch.
inline constexpr std::size_t kUnpackAhead = 4096;

/// A table of functions over arrays of n words, n a multiple of 16, arrays 64-byte aligned, words in [0, q).
/// Results are fully reduced to [0, q), so every implementation gives the same bits. `out` may equal an input
/// except in permute.
struct Kernels {
  std::string_view name;  ///< "ifma", "avx2" or "portable"

  /// In place over n words, n a power of two, 16 .. tables.n(); natural order in, NttTables order out. Below tables.n()
  /// it is the transform of Z_q[X]/(X^n + 1) with the root ψ^(tables.n()/n), whose twiddles are the tables' first n.
  void (*ntt_forward)(std::uint64_t* a, std::size_t n, const NttTables& tables);
  /// The same of integers in (-q, q), to `out`.
  void (*ntt_forward_integers)(std::uint64_t* out, const std::int32_t* in, std::size_t n, const NttTables& tables);
  /// In place, NttTables order in, natural order out, scaled by 1/n. The same n and root.
  void (*ntt_inverse)(std::uint64_t* a, std::size_t n, const NttTables& tables);

  void (*add)(std::uint64_t* out, const std::uint64_t* a, const std::uint64_t* b, std::size_t n, const Modulus& q);
  void (*sub)(std::uint64_t* out, const std::uint64_t* a, const std::uint64_t* b, std::size_t n, const Modulus& q);
  void (*neg)(std::uint64_t* out, const std::uint64_t* a, std::size_t n, const Modulus& q);
  void (*mul)(std::uint64_t* out, const std::uint64_t* a, const std::uint64_t* b, std::size_t n, const Modulus& q);
  /// acc += a·b.
  void (*mul_add)(std::uint64_t* acc, const std::uint64_t* a, const std::uint64_t* b, std::size_t n, const Modulus& q);
  /// out = Σ_i a[i]·b[i] over `terms` pairs of arrays (1 .. 4096), one reduction at the end.
  void (*dot)(std::uint64_t* out, const std::uint64_t* const* a, const std::uint64_t* const* b, std::size_t terms,
              std::size_t n, const Modulus& q);
  /// The same for two arrays b0 and b1, which share the loads of a. The first sum starts from `plus`, where that is not
  /// null (then of at most 4095 terms).
  void (*dot_pair)(std::uint64_t* out0, std::uint64_t* out1, const std::uint64_t* plus, const std::uint64_t* const* a,
                   const std::uint64_t* const* b0, const std::uint64_t* const* b1, std::size_t terms, std::size_t n,
                   const Modulus& q);
  /// out[t] = Σ_j weights[t·terms + j]·a[j] mod q[t] for `targets` primes: words of a below 2^50, whatever the primes,
  /// weights in [0, q[t]), 1 .. kMaxCombineTerms terms, one reduction at the end. No output may be an input.
  void (*combine)(std::uint64_t* const* out, const std::uint64_t* const* a, const std::uint64_t* weights,
                  std::size_t targets, std::size_t terms, std::size_t n, const Modulus* const* q);
  /// out = ⌊1/2 + Σ_j a[j]·factors[j]⌋ in double precision, every operation rounded, in this order: the same bits
  /// everywhere. Words of a below 2^50, the sum in [0, 2^50).
  void (*round_sum)(std::uint64_t* out, const std::uint64_t* const* a, const double* factors, std::size_t terms,
                    std::size_t n);
  /// out = a·w, w in [0, q).
  void (*mul_scalar)(std::uint64_t* out, const std::uint64_t* a, std::uint64_t w, std::size_t n, const Modulus& q);
  /// out = (a − b)·w: the tail of rescaling and ModDown.
  void (*sub_mul_scalar)(std::uint64_t* out, const std::uint64_t* a, const std::uint64_t* b, std::uint64_t w,
                         std::size_t n, const Modulus& q);
  /// Words of [0, from) read as integers in [-from/2, from/2], reduced mod `to`.
  void (*switch_modulus)(std::uint64_t* out, const std::uint64_t* a, std::size_t n, const Modulus& from,
                         const Modulus& to);
  /// out[i] = a[index[i] − origin], for an index of automorphism_index, or an aligned part of it of a power of two
  /// words: they come from an aligned part of that size, here from `origin` on. Each run of 16 is written `stride`
  /// words after the one before it.
  void (*permute)(std::uint64_t* out, std::size_t stride, const std::uint64_t* a, std::size_t origin,
                  const std::uint32_t* index, std::size_t n);
  /// acc[i] += a[index[i]], the index being whole.
  void (*add_permuted)(std::uint64_t* acc, const std::uint64_t* a, const std::uint32_t* index, std::size_t n,
                       const Modulus& q);

  /// For dot_symmetric: the words j of both halves a[0] and a[1] with j in [first, first + count), multiples of 16
  /// within [0, n/2], and their mirror images. Every 16 of them become 64 words, those of the next 16 start `stride`
  /// words later: 16 words of either half, then their images a[h][n-1-j], j ascending.
  void (*pack_symmetric)(std::uint64_t* out, std::size_t stride, const std::uint64_t* const* a, std::size_t n,
                         std::size_t first, std::size_t count);
  /// Products with plaintexts of a subring whose transforms read the same from both ends, in [0, n/2) and mirrored:
  /// out[h][j] = Σ_t a_t[h][j]·w[t][j >> log_run] and out[h][n-1-j] = Σ_t a_t[h][n-1-j]·w[t][j >> log_run] for both
  /// h and j as above. a[t] are the words of a_t for `first` as pack_symmetric lays them out. w[t] has n/2 >> log_run
  /// words; 1 .. 4096 terms, one reduction at the end.
  void (*dot_symmetric)(std::uint64_t* const* out, const std::uint64_t* const* a, std::size_t stride,
                        const std::uint64_t* const* w, std::size_t terms, unsigned log_run, std::size_t n,
                        std::size_t first, std::size_t count, const Modulus& q);
  /// For dot_halves: the words j of both halves a[0] and a[1] with j in [first, first + count), multiples of 16. Every
  /// 16 of them become 32 words, those of the next 16 start `stride` words later: 16 words of either half.
  void (*pack_halves)(std::uint64_t* out, std::size_t stride, const std::uint64_t* const* a, std::size_t first,
                      std::size_t count);
  /// Products with plaintexts of any subring, for `outputs` sums that share the a:
  /// out[2o + h][j] = Σ_t a_t[h][j]·w[o·terms + t][j >> log_run] for both h and j as above. a[t] are the words of a_t
  /// for `first` as pack_halves lays them out; 1 .. 4096 terms, one reduction at the end. With `past_caches` the sums
  /// go to memory directly, which spares reading what they overwrite: for more of them than a cache keeps until they
  /// are read.
  void (*dot_halves)(std::uint64_t* const* out, std::size_t outputs, const std::uint64_t* const* a, std::size_t stride,
                     const std::uint64_t* const* w, std::size_t terms, unsigned log_run, std::size_t first,
                     std::size_t count, const Modulus& q, bool past_caches);
  /// From the transform `a` (n words) of F + X^(n/2)·G, where F and G are as they were with 1/X for X, the first halves
  /// of the transforms of F and of G.
  void (*split_symmetric)(std::uint64_t* f, std::uint64_t* g, const std::uint64_t* a, std::size_t n,
                          const NttTables& tables);

  /// Words of `bits` (1 .. 50) bits that stand at `in`, of any alignment, without gaps, the first one lowest; reads no
  /// byte beyond their n·bits/8. Whether all are below `bound` (1 .. 2^50).
  bool (*unpack)(std::uint64_t* out, const std::uint8_t* in, unsigned bits, std::size_t n, std::uint64_t bound);
};

/// The fastest table this processor runs, or the one that the environment variable BLINDSIGHT_ISA names
/// (ifma, avx2, portable); chosen once. Throws InvalidArgument where that one can't run here.
const Kernels& kernels();

/// Every table that this processor runs, fastest first. For tests and benchmarks.
std::span<const Kernels* const> available_kernels();

}  // namespace blindsight::ring
