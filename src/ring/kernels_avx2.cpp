// Built with AVX2 flags: only plain data and internal linkage here (see simd/constants.h). No contraction: every
// fused multiply-add below is meant, and no other may appear.
#include <immintrin.h>

#include <bit>

#include "blindsight/ring/simd/generic.h"

namespace blindsight::ring {
namespace {

/// Products modulo q < 2^50 in double precision. Transform values are integers of magnitude at most 8q <= 2^53, signed,
/// any representative. Bounds below are in units of q, worst case q = 2^50.
struct Avx2Policy {
  using W = __m256i;
  using V = __m256d;
  static constexpr std::size_t kLanes = 4;
  static constexpr std::size_t kTogether = 4, kInverseTogether = 2, kStageVectors = 16;
  static constexpr auto kForm = simd::TwiddleForm::kReal;
  static constexpr std::size_t kCompactTogether = 1;
  static constexpr std::size_t kCompactOutputs = 2;  // sums that share loads

  struct Q {
    explicit Q(const simd::Constants& c)
        : word(set(c.q)),
          q(_mm256_set1_pd(static_cast<double>(c.q))),
          inverse(_mm256_set1_pd(1.0 / static_cast<double>(c.q))) {}
    Q(W as_word, V as_real, V its_inverse) : word(as_word), q(as_real), inverse(its_inverse) {}
    W word;
    V q, inverse;
  };
  struct F {
    V word, ratio;  // w in [-q/2, q/2], w/q
  };
  using Tw = F;
  using Twiddles = simd::Twiddles<double>;

  static W load(const std::uint64_t* p) { return _mm256_load_si256(reinterpret_cast<const __m256i*>(p)); }
  static void store(std::uint64_t* p, W x) { _mm256_store_si256(reinterpret_cast<__m256i*>(p), x); }
  static void stream(std::uint64_t* p, W x) { _mm256_stream_si256(reinterpret_cast<__m256i*>(p), x); }
  static void order_streams() { _mm_sfence(); }
  static W set(std::uint64_t x) { return _mm256_set1_epi64x(static_cast<long long>(x)); }
  static W add(W a, W b) { return _mm256_add_epi64(a, b); }
  static W sub(W a, W b) { return _mm256_sub_epi64(a, b); }
  static W subtract_if(W x, W q) {
    const W difference = _mm256_sub_epi64(x, q);
    return _mm256_add_epi64(difference, _mm256_and_si256(_mm256_cmpgt_epi64(_mm256_setzero_si256(), difference), q));
  }
  static W where_above(W x, W bound, W value) { return _mm256_and_si256(_mm256_cmpgt_epi64(x, bound), value); }
  static W reverse(W a) { return _mm256_permute4x64_epi64(a, 0x1b); }
  template <unsigned kLogRun>
  static W repeat(const std::uint64_t* p) {
    if constexpr (kLogRun == 0)
      return load(p);
    else
      return _mm256_permute4x64_epi64(_mm256_castsi128_si256(_mm_load_si128(reinterpret_cast<const __m128i*>(p))),
                                      0x50);
  }
  /// Of four words, as pairs of 32-bit halves.
  static W pick(const std::uint64_t* a, const std::uint32_t* index) {
    const W wide =
        _mm256_and_si256(_mm256_cvtepu32_epi64(_mm_loadu_si128(reinterpret_cast<const __m128i*>(index))), set(3));
    const W low = _mm256_add_epi64(wide, wide);
    const W halves = _mm256_or_si256(low, _mm256_slli_epi64(_mm256_add_epi64(low, set(1)), 32));
    return _mm256_permutevar8x32_epi32(load(a), halves);
  }
  static W unpack(const std::uint8_t* p, const Unpacking& u, std::size_t word) {
    const auto pair = [&](std::size_t i) { return _mm_loadu_si128(reinterpret_cast<const __m128i*>(p + u.pair[i])); };
    const W pairs = _mm256_inserti128_si256(_mm256_castsi128_si256(pair(word / 2)), pair(word / 2 + 1), 1);
    const W windows = _mm256_shuffle_epi8(pairs, load(reinterpret_cast<const std::uint64_t*>(u.shuffle + 8 * word)));
    return _mm256_and_si256(_mm256_srlv_epi64(windows, load(u.shift + word)), set(u.mask));
  }

  /// Words below 2^52 to doubles: as the mantissa of 2^52 + x.
  static V to_double(W x) {
    const V magic = _mm256_set1_pd(0x1p52);
    return _mm256_sub_pd(_mm256_castsi256_pd(_mm256_or_si256(x, _mm256_castpd_si256(magic))), magic);
  }
  /// Integers in [0, 2^52) to words.
  static W to_word(V x) {
    const V magic = _mm256_set1_pd(0x1p52);
    return _mm256_xor_si256(_mm256_castpd_si256(_mm256_add_pd(x, magic)), _mm256_castpd_si256(magic));
  }
  static V round(V x) { return _mm256_round_pd(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }

  /// (h + l) - quotient·q for the exact product h + l and a quotient of error below 1: every step is exact, since the
  /// first difference is an integer of magnitude below 2^53.
  static V remainder(const Q& q, V x, V w, V h, V quotient) {
    const V l = _mm256_fmsub_pd(x, w, h);
    return _mm256_add_pd(_mm256_fnmadd_pd(quotient, q.q, h), l);
  }
  /// x·w mod q, |x| <= B·q, B <= 8: the two roundings err by B/8 at most in the quotient, so |result| <= 1/2 + B/8.
  static V mul_lazy(const Q& q, V x, F w) {
    return remainder(q, x, w.word, _mm256_mul_pd(x, w.word), round(_mm256_mul_pd(x, w.ratio)));
  }
  /// x mod q in about [-1/2, 1/2].
  static V tame(const Q& q, V x) { return _mm256_fnmadd_pd(round(_mm256_mul_pd(x, q.inverse)), q.q, x); }
  /// |x| < q to [0, q).
  static V positive(const Q& q, V x) {
    // A negative number's own sign bit selects q.
    return _mm256_add_pd(x, _mm256_and_pd(_mm256_cmp_pd(x, _mm256_setzero_pd(), _CMP_LT_OQ), q.q));
  }

  static F factor(const simd::Factor& f) { return {_mm256_set1_pd(f.centred), _mm256_set1_pd(f.ratio)}; }
  /// x below 2^51, any q: the quotient errs by 1/4 at most before rounding, so mul_lazy stays within (-q, q).
  static W mul_factor(const Q& q, W x, F w) { return to_word(positive(q, mul_lazy(q, to_double(x), w))); }
  /// a, b below q: three roundings err by 3/8 at most in the quotient.
  static W mul(const Q& q, W a, W b) {
    const V x = to_double(a), y = to_double(b), h = _mm256_mul_pd(x, y);
    return to_word(positive(q, remainder(q, x, y, h, round(_mm256_mul_pd(h, q.inverse)))));
  }

  /// A product p below 2^100 in two doubles (Emmart, Zheng and Weems 2018, "Faster modular exponentiation using
  /// double precision floating point arithmetic on the GPU"): adding kHigh rounds p to a multiple of 2^50; what is left
  /// has magnitude 2^49 at most, and one more fused multiply-add, without rounding, finds it, plus kLow. As words, both
  /// grow by one where what they stand for grows by 2^50 and by one: their sums are sums of words, modulo 2^64.
  static constexpr double kHigh = 0x1.8p102, kLow = 0x1.8p52;
  static constexpr auto kHighBits = std::bit_cast<std::uint64_t>(kHigh), kLowBits = std::bit_cast<std::uint64_t>(kLow);
  static constexpr unsigned kLogOffset = 62;  // of what low parts start from, so that their sum is never negative
  struct Sum {
    W low, high;
  };
  struct Folder {
    explicit Folder(const simd::Constants& c)
        : p32(factor(simd::power_of_two(32, c.q))),
          p50(factor(simd::power_of_two(50, c.q))),
          p82(factor(simd::power_of_two(82, c.q))),
          offset(factor(simd::power_of_two(kLogOffset, c.q)).word) {}
    F p32, p50, p82;
    V offset;
  };
  using Operand = V;
  /// As to_double, but 2^52 stays in memory: sums need all sixteen registers, and what GCC spills instead is a sum.
  static Operand operand(W x) {
    alignas(32) static constexpr double kMagic[kLanes] = {0x1p52, 0x1p52, 0x1p52, 0x1p52};
    const double* hidden = kMagic;
    asm("" : "+r"(hidden));
    const V magic = _mm256_load_pd(hidden);
    return _mm256_sub_pd(_mm256_castsi256_pd(_mm256_or_si256(x, _mm256_castpd_si256(magic))), magic);
  }
  static Sum zero_sum(std::size_t terms) { return sum_of(set(0), terms); }
  static Sum sum_of(W x, std::size_t terms) {
    return {add(x, set((std::uint64_t{1} << kLogOffset) - terms * kLowBits)), set(0 - terms * kHighBits)};
  }
  static void accumulate(Sum& sum, Operand a, Operand b) {
    const V high = _mm256_fmadd_pd(a, b, _mm256_set1_pd(kHigh));
    const V low = _mm256_fmadd_pd(a, b, _mm256_sub_pd(_mm256_set1_pd(kHigh + kLow), high));
    sum.high = add(sum.high, _mm256_castpd_si256(high));
    sum.low = add(sum.low, _mm256_castpd_si256(low));
  }
  static V low_half(W x) { return to_double(_mm256_and_si256(x, set(0xffffffff))); }
  static V high_half(W x) { return to_double(_mm256_srli_epi64(x, 32)); }
  /// 4096 low parts stay within 2^61 of the offset, as many high ones below 2^62.
  static W fold(const Q& q, const Folder& f, const Sum& sum, std::size_t) {
    const V low = _mm256_add_pd(tame(q, low_half(sum.low)), mul_lazy(q, high_half(sum.low), f.p32));
    const V high = _mm256_add_pd(mul_lazy(q, low_half(sum.high), f.p50), mul_lazy(q, high_half(sum.high), f.p82));
    return to_word(positive(q, tame(q, _mm256_add_pd(_mm256_sub_pd(low, f.offset), high))));
  }

  static constexpr unsigned kRadix = 0;
  static constexpr std::size_t kCombineVectors = 1;
  using Weight = double;
  struct Combine {
    std::uint64_t q;
    double real_q, inverse;
    simd::Factor word;  // 2^52
  };
  static Combine combine_target(const simd::Constants& c) {
    return {c.q, static_cast<double>(c.q), 1.0 / static_cast<double>(c.q), simd::power_of_two(52, c.q)};
  }
  static Weight weight(std::uint64_t w) { return static_cast<double>(w); }
  static Operand spread(Weight w) { return _mm256_set1_pd(w); }
  /// Carries gather the sum, below 2^105, as high·2^52 + low with low below 2^52 and high below 2^53: so is high's
  /// product with a factor in [-q/2, q/2] below 2^52·q, and its quotient errs by 1/2 at most before rounding.
  static W settle(const Combine& target, const Sum& sum) {
    const W high = add(sub(sum.high, set(std::uint64_t{1} << (kLogOffset - 50))), _mm256_srli_epi64(sum.low, 50));
    const W bottom = _mm256_or_si256(_mm256_and_si256(sum.low, set((std::uint64_t{1} << 50) - 1)),
                                     _mm256_slli_epi64(_mm256_and_si256(high, set(3)), 50));
    const Q q(set(target.q), _mm256_set1_pd(target.real_q), _mm256_set1_pd(target.inverse));
    const V top = mul_lazy(q, wide_to_double(_mm256_srli_epi64(high, 2)), factor(target.word));
    return to_word(positive(q, tame(q, _mm256_add_pd(top, tame(q, to_double(bottom))))));
  }
  /// Words below 2^53, as the low and the high 32 bits, each the mantissa of a power of two.
  static V wide_to_double(W x) {
    const V low_magic = _mm256_set1_pd(0x1p52), high_magic = _mm256_set1_pd(0x1p84);
    const W low = _mm256_or_si256(_mm256_and_si256(x, set(0xffffffff)), _mm256_castpd_si256(low_magic));
    const W high = _mm256_or_si256(_mm256_srli_epi64(x, 32), _mm256_castpd_si256(high_magic));
    return _mm256_add_pd(_mm256_sub_pd(_mm256_castsi256_pd(high), high_magic),
                         _mm256_sub_pd(_mm256_castsi256_pd(low), low_magic));
  }

  using D = V;
  static D set_double(double x) { return _mm256_set1_pd(x); }
  static D add_doubles(D a, D b) { return _mm256_add_pd(a, b); }
  static D multiply_doubles(D a, D b) { return _mm256_mul_pd(a, b); }
  static D word_to_double(W x) { return to_double(x); }
  static W truncated(D x) { return to_word(_mm256_round_pd(x, _MM_FROUND_TO_ZERO | _MM_FROUND_NO_EXC)); }

  static Twiddles twiddles(const simd::TableView& v) { return v.reals; }
  static Tw splat(const Twiddles& t, std::size_t k) {
    return {_mm256_broadcast_sd(t.words + k), _mm256_broadcast_sd(t.companions + k)};
  }
  /// The ratio is made of the word: one rounding more.
  template <std::size_t kCount>
  static Tw tile(const Q& q, const Twiddles& t, std::size_t k) {
    V word;
    if constexpr (kCount == 2)
      word = _mm256_broadcast_pd(reinterpret_cast<const __m128d*>(t.words + k));
    else
      word = _mm256_load_pd(t.words + k);
    return {word, _mm256_mul_pd(word, q.inverse)};
  }

  // The array holds the doubles' bits while a transform runs.
  static V load_value(const std::uint64_t* p) { return _mm256_castsi256_pd(load(p)); }
  static void store_value(std::uint64_t* p, V x) { store(p, _mm256_castpd_si256(x)); }
  static V enter(const Q&, W x) { return to_double(x); }
  static V enter_integers(const Q&, const std::int32_t* p) {
    return _mm256_cvtepi32_pd(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
  }
  static W leave_forward(const Q& q, V x) { return to_word(positive(q, tame(q, x))); }
  static W leave_inverse(const Q& q, V x) { return to_word(positive(q, tame(q, x))); }

  /// With x tamed in the first of every two levels, B stays below 2: B' <= 1/2 + (1/2 + B/8), then
  /// B'' <= B' + 1/2 + B'/8.
  template <bool kTame>
  static void forward(const Q& q, V& x, V& y, Tw w) {
    if constexpr (kTame) x = tame(q, x);
    const V product = mul_lazy(q, y, w);
    y = _mm256_sub_pd(x, product);
    x = _mm256_add_pd(x, product);
  }
  /// Sums of sums are tamed, so B <= 2 goes in and comes out of every two levels, with 8 in between at most.
  /// w is minus the inverse twiddle (see NttTables).
  template <bool kTame>
  static void inverse(const Q& q, V& x, V& y, Tw w) {
    const V difference = _mm256_sub_pd(y, x), sum = _mm256_add_pd(x, y);
    x = kTame ? tame(q, sum) : sum;
    y = mul_lazy(q, difference, w);
  }
  static void inverse_scaled(const Q& q, V& x, V& y, F scale, F scaled_last) {
    const V difference = _mm256_sub_pd(x, y), sum = _mm256_add_pd(x, y);
    x = mul_lazy(q, sum, scale);
    y = mul_lazy(q, difference, scaled_last);
  }
  static void zip(V& x, V& y) {
    const V even = _mm256_unpacklo_pd(x, y), odd = _mm256_unpackhi_pd(x, y);  // x0 y0 x2 y2, x1 y1 x3 y3
    x = _mm256_permute2f128_pd(even, odd, 0x20);
    y = _mm256_permute2f128_pd(even, odd, 0x31);
  }
  static void unzip(V& x, V& y) {
    const V low = _mm256_permute2f128_pd(x, y, 0x20), high = _mm256_permute2f128_pd(x, y, 0x31);
    x = _mm256_unpacklo_pd(low, high);
    y = _mm256_unpackhi_pd(low, high);
  }
  static void unzip_backwards(V& x, V& y) {
    const V low = _mm256_permute2f128_pd(x, y, 0x02), high = _mm256_permute2f128_pd(x, y, 0x13);
    x = _mm256_unpacklo_pd(high, low);
    y = _mm256_unpackhi_pd(high, low);
  }
};

}  // namespace

namespace simd {

const Kernels& avx2_kernels() {
  static constinit const Kernels table = make_kernels<Avx2Policy>("avx2");
  return table;
}

}  // namespace simd
}  // namespace blindsight::ring
