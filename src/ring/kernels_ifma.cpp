// Built with AVX-512 flags: only plain data and internal linkage here (see simd/constants.h).
#include <immintrin.h>

#include "blindsight/ring/simd/generic.h"
#include "blindsight/ring/simd/ifma.h"

namespace blindsight::ring {
namespace {

struct IfmaLanes {
  using Vector = __m512i;
  static Vector load(const std::uint64_t* p) { return _mm512_load_si512(p); }
  static void store(std::uint64_t* p, Vector x) { _mm512_store_si512(p, x); }
  static void stream(std::uint64_t* p, Vector x) { _mm512_stream_si512(reinterpret_cast<__m512i*>(p), x); }
  static void order_streams() { _mm_sfence(); }
  static Vector widen(const std::int32_t* p) {
    return _mm512_cvtepi32_epi64(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
  }
  static Vector set(std::uint64_t x) { return _mm512_set1_epi64(static_cast<long long>(x)); }
  static Vector add(Vector a, Vector b) { return _mm512_add_epi64(a, b); }
  static Vector sub(Vector a, Vector b) { return _mm512_sub_epi64(a, b); }
  /// Hides how x was made: GCC takes a + (b - c) and a - (b - c) apart, and has four operations for three.
  static Vector keep(Vector x) {
    asm("" : "+v"(x));
    return x;
  }
  static Vector min(Vector a, Vector b) { return _mm512_min_epu64(a, b); }
  static Vector bit_and(Vector a, Vector b) { return _mm512_and_si512(a, b); }
  static Vector shift_left(Vector a, unsigned count) { return _mm512_slli_epi64(a, count); }
  static Vector shift_right(Vector a, unsigned count) { return _mm512_srli_epi64(a, count); }
  static Vector where_above(Vector x, Vector bound, Vector value) {
    return _mm512_maskz_mov_epi64(_mm512_cmpgt_epu64_mask(x, bound), value);
  }
  static Vector multiply_add_low(Vector c, Vector a, Vector b) { return _mm512_madd52lo_epu64(c, a, b); }
  static Vector multiply_add_high(Vector c, Vector a, Vector b) { return _mm512_madd52hi_epu64(c, a, b); }
  static Vector pick(const std::uint64_t* a, const std::uint32_t* index) {  // of eight words
    const Vector wide = _mm512_cvtepu32_epi64(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(index)));
    return _mm512_permutexvar_epi64(wide, load(a));  // looks at three bits of each
  }
  static Vector unpack(const std::uint8_t* p, const Unpacking& u) {
    const auto pair = [&](int i) { return _mm_loadu_si128(reinterpret_cast<const __m128i*>(p + u.pair[i])); };
    const __m256i low = _mm256_inserti128_si256(_mm256_castsi128_si256(pair(0)), pair(1), 1);
    const __m256i high = _mm256_inserti128_si256(_mm256_castsi128_si256(pair(2)), pair(3), 1);
    const Vector pairs = _mm512_inserti64x4(_mm512_castsi256_si512(low), high, 1);
    const Vector windows = _mm512_shuffle_epi8(pairs, _mm512_load_si512(u.shuffle));
    return _mm512_and_si512(_mm512_srlv_epi64(windows, _mm512_load_si512(u.shift)), set(u.mask));
  }
  using Doubles = __m512d;
  static Doubles set_double(double x) { return _mm512_set1_pd(x); }
  static Doubles add_doubles(Doubles a, Doubles b) { return _mm512_add_pd(a, b); }
  static Doubles multiply_doubles(Doubles a, Doubles b) { return _mm512_mul_pd(a, b); }
  static Doubles word_to_double(Vector x) { return _mm512_cvtepu64_pd(x); }
  static Vector truncated(Doubles x) { return _mm512_cvttpd_epu64(x); }
  static Vector reverse(Vector a) { return _mm512_permutexvar_epi64(_mm512_setr_epi64(7, 6, 5, 4, 3, 2, 1, 0), a); }
  /// Every word 2^kLogRun times.
  template <unsigned kLogRun>
  static Vector repeat(const std::uint64_t* p) {
    if constexpr (kLogRun == 0)
      return load(p);
    else if constexpr (kLogRun == 1)
      return _mm512_permutexvar_epi64(_mm512_setr_epi64(0, 0, 1, 1, 2, 2, 3, 3),
                                      _mm512_castsi256_si512(_mm256_load_si256(reinterpret_cast<const __m256i*>(p))));
    else
      return _mm512_permutexvar_epi64(_mm512_setr_epi64(0, 0, 0, 0, 1, 1, 1, 1),
                                      _mm512_castsi128_si512(_mm_load_si128(reinterpret_cast<const __m128i*>(p))));
  }
  template <std::size_t kCount>
  static Vector tile(const std::uint64_t* p) {
    if constexpr (kCount == 2)
      return _mm512_broadcast_i64x2(_mm_load_si128(reinterpret_cast<const __m128i*>(p)));
    else if constexpr (kCount == 4)
      return _mm512_broadcast_i64x4(_mm256_load_si256(reinterpret_cast<const __m256i*>(p)));
    else
      return _mm512_load_si512(p);
  }
  static void zip(Vector& x, Vector& y) {
    const Vector low = _mm512_permutex2var_epi64(x, _mm512_setr_epi64(0, 8, 1, 9, 2, 10, 3, 11), y);
    y = _mm512_permutex2var_epi64(x, _mm512_setr_epi64(4, 12, 5, 13, 6, 14, 7, 15), y);
    x = low;
  }
  static void unzip(Vector& x, Vector& y) {
    const Vector even = _mm512_permutex2var_epi64(x, _mm512_setr_epi64(0, 2, 4, 6, 8, 10, 12, 14), y);
    y = _mm512_permutex2var_epi64(x, _mm512_setr_epi64(1, 3, 5, 7, 9, 11, 13, 15), y);
    x = even;
  }
  /// The same with both results back to front.
  static void unzip_backwards(Vector& x, Vector& y) {
    const Vector even = _mm512_permutex2var_epi64(x, _mm512_setr_epi64(14, 12, 10, 8, 6, 4, 2, 0), y);
    y = _mm512_permutex2var_epi64(x, _mm512_setr_epi64(15, 13, 11, 9, 7, 5, 3, 1), y);
    x = even;
  }
};

}  // namespace

namespace simd {

const Kernels& ifma_kernels() {
  static constinit const Kernels table = make_kernels<IfmaPolicy<IfmaLanes>>("ifma");
  return table;
}

}  // namespace simd
}  // namespace blindsight::ring
