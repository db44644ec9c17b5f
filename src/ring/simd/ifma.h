// Vector policy of eight 52-bit multipliers, over a lane type I: the AVX-512-IFMA instructions (ifma_lanes.h) or their
// exact scalar model (ifma_model.h), so that this logic is tested on machines that lack them.
#pragma once

#include <cstddef>
#include <cstdint>

#include "blindsight/ring/simd/constants.h"
#include "blindsight/ring/simd/unpack.h"

namespace blindsight::ring {
namespace {

template <typename I>
struct IfmaPolicy {
  using W = typename I::Vector;
  using V = W;  // forward transform: below 4q < 2^52; inverse: below 2q
  static constexpr std::size_t kLanes = 8;
  static constexpr std::size_t kTogether = 4, kInverseTogether = 4,
                               kStageVectors = 16;  // of 32 registers: what runs fastest on Zen 4
  static constexpr auto kForm = simd::TwiddleForm::kMontgomery;
  static constexpr std::size_t kCompactTogether = 2;  // 16 accumulators
  static constexpr std::size_t kCompactOutputs = 4;   // sums that share loads

  struct Q {
    explicit Q(const simd::Constants& c)
        : q(set(c.q)),
          q2(set(2 * c.q)),
          inverse(set(simd::inverse_word(c.q))),
          minus_q(set((std::uint64_t{1} << 52) - c.q)),
          barrett(set(c.barrett52)),
          mask(set((std::uint64_t{1} << 52) - 1)),
          shift(52 - c.bits) {}
    W q, q2, inverse, minus_q, barrett, mask;
    unsigned shift;
  };
  struct F {
    W word, quotient;
  };
  struct Tw {
    W word, companion;  // w·2^52 mod q, that divided by q modulo 2^52
  };
  using Twiddles = simd::Twiddles<std::uint64_t>;

  static W load(const std::uint64_t* p) { return I::load(p); }
  static void store(std::uint64_t* p, W x) { I::store(p, x); }
  /// Past the caches; what other threads read needs order_streams first.
  static void stream(std::uint64_t* p, W x) { I::stream(p, x); }
  static void order_streams() { I::order_streams(); }
  static W set(std::uint64_t x) { return I::set(x); }
  static W add(W a, W b) { return I::add(a, b); }
  static W sub(W a, W b) { return I::sub(a, b); }
  static W subtract_if(W x, W q) { return I::min(x, I::sub(x, q)); }  // the difference wraps where x < q
  static W where_above(W x, W bound, W value) { return I::where_above(x, bound, value); }
  static W reverse(W a) { return I::reverse(a); }
  template <unsigned kLogRun>
  static W repeat(const std::uint64_t* p) {
    return I::template repeat<kLogRun>(p);
  }
  static W pick(const std::uint64_t* a, const std::uint32_t* index) { return I::pick(a, index); }
  static W unpack(const std::uint8_t* p, const Unpacking& u, std::size_t) { return I::unpack(p, u); }

  /// x·w mod q in [0, 2q), any x below 2^52 (Shoup): three multiplications. Adding the product with 2^52 - q
  /// subtracts the one with q, modulo 2^52.
  static W mul_lazy(const Q& q, W x, F w) {
    const W zero = set(0);
    const W quotient = I::multiply_add_high(zero, x, w.quotient);
    return I::bit_and(I::multiply_add_low(I::multiply_add_low(zero, x, w.word), quotient, q.minus_q), q.mask);
  }
  static F factor(const simd::Factor& f) { return {set(f.word), set(f.quotient)}; }
  static W mul_factor(const Q& q, W x, F w) { return subtract_if(mul_lazy(q, x, w), q.q); }
  /// Barrett: the high half of 2a · 2^(52 - bits)·b is floor(a·b / 2^(bits - 1)); times floor(2^(51 + bits) / q), the
  /// quotient falls short by 2 at most.
  static W mul(const Q& q, W a, W b) {
    const W zero = set(0);
    const W high = I::multiply_add_high(zero, I::add(a, a), I::shift_left(b, q.shift));
    const W quotient = I::multiply_add_high(zero, high, q.barrett);
    const W r = I::multiply_add_low(I::multiply_add_low(zero, a, b), quotient, q.minus_q);
    return subtract_if(subtract_if(I::bit_and(r, q.mask), q.q2), q.q);
  }

  // 4096 low halves stay below 2^64.
  struct Sum {
    W low, high;
  };
  struct Folder {
    explicit Folder(const simd::Constants& c)
        : one(factor(simd::factor_of(1, c.q))),
          word(factor(simd::power_of_two(52, c.q))),
          square(factor(simd::power_of_two(104, c.q))),
          q4(set(4 * c.q)) {}
    F one, word, square;
    W q4;
  };
  using Operand = W;
  static Operand operand(W x) { return x; }
  static Sum zero_sum(std::size_t) { return {set(0), set(0)}; }
  static Sum sum_of(W x, std::size_t) { return {x, set(0)}; }
  static void accumulate(Sum& sum, Operand a, Operand b) {
    sum.low = I::multiply_add_low(sum.low, a, b);
    sum.high = I::multiply_add_high(sum.high, a, b);
  }
  /// Few products leave little above 2^104: dividing by 2^52 (Montgomery 1985) leaves less than (1 + kFewTerms/4)q, and
  /// less than 2^52 after 4q is taken from what is larger; one product puts the 2^52 back.
  static constexpr std::size_t kFewTerms = 28;
  static W fold(const Q& q, const Folder& f, const Sum& sum, std::size_t terms) {
    if (terms > kFewTerms) return fold_many(q, f, sum);
    const W carried = I::add(sum.high, I::shift_right(sum.low, 52));
    const W multiple = I::multiply_add_low(set(0), sum.low, q.inverse);  // times q, it ends in sum.low's bits
    const W r = I::sub(I::add(carried, q.q), I::multiply_add_high(set(0), multiple, q.q));
    return mul_factor(q, subtract_if(r, f.q4), f.word);
  }
  static W fold_many(const Q& q, const Folder& f, const Sum& sum) {
    const W low = I::bit_and(sum.low, q.mask);
    const W carried = I::add(sum.high, I::shift_right(sum.low, 52));
    const W middle = I::bit_and(carried, q.mask), high = I::shift_right(carried, 52);
    const W total = I::add(I::add(mul_lazy(q, low, f.one), mul_lazy(q, middle, f.word)), mul_lazy(q, high, f.square));
    return subtract_if(subtract_if(subtract_if(total, f.q4), q.q2), q.q);
  }

  // Combinations: at most 25 products below 2^50·q. Dividing by 2^52 leaves less than (1 + 25/4)q.
  static constexpr unsigned kRadix = 52;
  static constexpr std::size_t kCombineVectors = 2;
  using Weight = std::uint64_t;
  struct Combine {
    std::uint64_t q, inverse;
  };
  static Combine combine_target(const simd::Constants& c) { return {c.q, simd::inverse_word(c.q)}; }
  static Weight weight(std::uint64_t w) { return w; }
  static W spread(Weight w) { return set(w); }
  static W settle(const Combine& target, const Sum& sum) {
    const W zero = set(0), q = set(target.q), q2 = set(2 * target.q), q4 = set(4 * target.q);
    const W carried = I::add(sum.high, I::shift_right(sum.low, 52));
    const W multiple = I::multiply_add_low(zero, sum.low, set(target.inverse));  // times q, it ends in sum.low's bits
    const W r = I::sub(I::add(carried, q), I::multiply_add_high(zero, multiple, q));
    return subtract_if(subtract_if(subtract_if(r, q4), q2), q);
  }

  using D = typename I::Doubles;
  static D set_double(double x) { return I::set_double(x); }
  static D add_doubles(D a, D b) { return I::add_doubles(a, b); }
  static D multiply_doubles(D a, D b) { return I::multiply_doubles(a, b); }
  static D word_to_double(W x) { return I::word_to_double(x); }
  static W truncated(D x) { return I::truncated(x); }

  static Twiddles twiddles(const simd::TableView& v) { return v.integers; }
  static Tw splat(const Twiddles& t, std::size_t k) { return {set(t.words[k]), set(t.companions[k])}; }
  template <std::size_t kCount>
  static Tw tile(const Q& q, const Twiddles& t, std::size_t k) {
    const W word = I::template tile<kCount>(t.words + k);
    return {word, I::multiply_add_low(set(0), word, q.inverse)};
  }
  /// offset + x·w mod q, the latter in (-q, q), any x below 2^52: the multiple of q that ends in the product's lowest
  /// 52 bits comes from x and the companion, so three multiplications (Montgomery 1985; Seiler 2018, ePrint 2018/039).
  static V mul_twiddle(const Q& q, W offset, V x, Tw w) {
    const W multiple = I::multiply_add_low(set(0), x, w.companion);
    return I::keep(I::sub(I::multiply_add_high(offset, x, w.word), I::multiply_add_high(set(0), multiple, q.q)));
  }

  static V load_value(const std::uint64_t* p) { return I::load(p); }
  static void store_value(std::uint64_t* p, V x) { I::store(p, x); }
  static V enter(const Q&, W x) { return x; }
  static V enter_integers(const Q& q, const std::int32_t* p) {
    const W x = I::widen(p);
    return I::min(x, I::add(x, q.q));  // as a word, a negative one is the larger
  }
  static W leave_forward(const Q& q, V x) { return subtract_if(subtract_if(x, q.q2), q.q); }
  static W leave_inverse(const Q& q, V x) { return subtract_if(x, q.q); }

  /// Harvey's lazy butterflies (2014, "Faster arithmetic for number-theoretic transforms"), with signed products.
  template <bool>
  static void forward(const Q& q, V& x, V& y, Tw w) {
    const V reduced = I::add(subtract_if(x, q.q2), q.q), product = mul_twiddle(q, set(0), y, w);
    x = I::add(reduced, product);
    y = I::sub(reduced, product);
  }
  /// w is minus the inverse twiddle (see NttTables).
  template <bool>
  static void inverse(const Q& q, V& x, V& y, Tw w) {
    const V difference = I::sub(I::add(y, q.q2), x);
    x = subtract_if(I::add(x, y), q.q2);
    y = mul_twiddle(q, q.q, difference, w);
  }
  static void inverse_scaled(const Q& q, V& x, V& y, F scale, F scaled_last) {
    const V difference = I::sub(I::add(x, q.q2), y);
    x = mul_lazy(q, I::add(x, y), scale);
    y = mul_lazy(q, difference, scaled_last);
  }
  static void zip(V& x, V& y) { I::zip(x, y); }
  static void unzip(V& x, V& y) { I::unzip(x, y); }
  static void unzip_backwards(V& x, V& y) { I::unzip_backwards(x, y); }
};

}  // namespace
}  // namespace blindsight::ring
