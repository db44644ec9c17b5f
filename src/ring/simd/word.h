// Vector policy of one 64-bit word: the portable kernels.
#pragma once

#include <cstddef>
#include <cstdint>

#include "blindsight/ring/simd/constants.h"
#include "blindsight/ring/simd/unpack.h"

namespace blindsight::ring {
namespace {

struct WordPolicy {
  using W = std::uint64_t;
  using V = std::uint64_t;  // forward transform: below 4q; inverse: below 2q
  using Wide = unsigned __int128;
  static constexpr std::size_t kLanes = 1;
  static constexpr std::size_t kTogether = 1, kInverseTogether = 1, kStageVectors = 4;
  static constexpr auto kForm = simd::TwiddleForm::kShoup;
  static constexpr std::size_t kCompactTogether = 1;
  static constexpr std::size_t kCompactOutputs = 1;  // sums that share loads

  struct Q {
    explicit Q(const simd::Constants& c) : q(c.q), q2(2 * c.q), barrett(c.barrett64), shift(c.bits - 1) {}
    std::uint64_t q, q2, barrett;
    unsigned shift;
  };
  struct F {
    std::uint64_t word, quotient;  // quotient: floor(w·2^52 / q)·2^12, so that a plain high product serves
  };
  using Tw = F;
  using Twiddles = simd::Twiddles<std::uint64_t>;

  static W load(const std::uint64_t* p) { return *p; }
  static void store(std::uint64_t* p, W x) { *p = x; }
  static void stream(std::uint64_t* p, W x) { *p = x; }
  static void order_streams() {}
  static W set(std::uint64_t x) { return x; }
  static W add(W a, W b) { return a + b; }
  static W sub(W a, W b) { return a - b; }
  static W subtract_if(W x, W q) {
    const std::uint64_t y = x - q;
    return y < x ? y : x;  // x below 2^63: wraps exactly where x < q
  }
  static W where_above(W x, W bound, W value) { return x > bound ? value : 0; }
  static W reverse(W a) { return a; }
  static W pick(const std::uint64_t* a, const std::uint32_t*) { return *a; }
  static W unpack(const std::uint8_t* p, const Unpacking& u, std::size_t word) { return unpack_word(p, u, word); }

  static std::uint64_t high(std::uint64_t a, std::uint64_t b) {
    return static_cast<std::uint64_t>((Wide{a} * b) >> 64);
  }

  /// x·w mod q in [0, 2q), any x below 2^52 (Shoup).
  static std::uint64_t mul_lazy(const Q& q, std::uint64_t x, F w) { return x * w.word - high(x, w.quotient) * q.q; }
  static F factor(const simd::Factor& f) { return {f.word, f.quotient << 12}; }
  static W mul_factor(const Q& q, W x, F w) { return subtract_if(mul_lazy(q, x, w), q.q); }
  /// Barrett with floor(2^(63 + bits) / q): the quotient falls short by 2 at most.
  static W mul(const Q& q, W a, W b) {
    const Wide product = Wide{a} * b;
    const std::uint64_t quotient = high(static_cast<std::uint64_t>(product >> q.shift), q.barrett);
    const std::uint64_t r = static_cast<std::uint64_t>(product) - quotient * q.q;
    return subtract_if(subtract_if(r, q.q2), q.q);
  }

  using Sum = Wide;  // 4096 products of 100 bits
  struct Folder {
    explicit Folder(const simd::Constants& c)
        : one(factor(simd::factor_of(1, c.q))),
          word(factor(simd::power_of_two(52, c.q))),
          square(factor(simd::power_of_two(104, c.q))) {}
    F one, word, square;
  };
  using Operand = W;
  static Operand operand(W x) { return x; }
  static Sum zero_sum(std::size_t) { return 0; }
  static Sum sum_of(W x, std::size_t) { return x; }
  static void accumulate(Sum& sum, Operand a, Operand b) { sum += Wide{a} * b; }
  static W fold(const Q& q, const Folder& f, Sum sum, std::size_t) {
    constexpr std::uint64_t kMask = (std::uint64_t{1} << 52) - 1;
    const std::uint64_t low = static_cast<std::uint64_t>(sum) & kMask,
                        middle = static_cast<std::uint64_t>(sum >> 52) & kMask;
    return (mul_lazy(q, low, f.one) + mul_lazy(q, middle, f.word) +
            mul_lazy(q, static_cast<std::uint64_t>(sum >> 104), f.square)) %
           q.q;
  }

  // Combinations: at most 25 products below 2^50·q. Dividing by 2^64 leaves less than q/500 and takes less than q away.
  static constexpr unsigned kRadix = 64;
  static constexpr std::size_t kCombineVectors = 1;
  using Weight = std::uint64_t;
  struct Combine {
    std::uint64_t q, inverse;
  };
  static Combine combine_target(const simd::Constants& c) { return {c.q, simd::inverse_word(c.q)}; }
  static Weight weight(std::uint64_t w) { return w; }
  static W spread(Weight w) { return w; }
  static W settle(const Combine& target, Sum sum) {
    const std::uint64_t kept = static_cast<std::uint64_t>(sum >> 64);
    const std::uint64_t taken = high(static_cast<std::uint64_t>(sum) * target.inverse, target.q);
    return kept < taken ? kept + target.q - taken : kept - taken;
  }

  using D = double;
  static D set_double(double x) { return x; }
  static D add_doubles(D a, D b) { return a + b; }
  static D multiply_doubles(D a, D b) { return a * b; }
  static D word_to_double(W x) { return static_cast<double>(x); }
  static W truncated(D x) { return static_cast<W>(x); }

  static Twiddles twiddles(const simd::TableView& v) { return v.integers; }
  static Tw splat(const Twiddles& t, std::size_t k) { return {t.words[k], t.companions[k] << 12}; }

  static V load_value(const std::uint64_t* p) { return *p; }
  static void store_value(std::uint64_t* p, V x) { *p = x; }
  static V enter(const Q&, W x) { return x; }
  static V enter_integers(const Q& q, const std::int32_t* p) {
    return static_cast<W>(std::int64_t{*p}) + (*p < 0 ? q.q : 0);
  }
  static W leave_forward(const Q& q, V x) { return subtract_if(subtract_if(x, q.q2), q.q); }
  static W leave_inverse(const Q& q, V x) { return subtract_if(x, q.q); }

  /// Harvey's lazy butterflies (2014, "Faster arithmetic for number-theoretic transforms").
  template <bool>
  static void forward(const Q& q, V& x, V& y, Tw w) {
    const V reduced = subtract_if(x, q.q2), product = mul_lazy(q, y, w);
    x = reduced + product;
    y = reduced + q.q2 - product;
  }
  /// w is minus the inverse twiddle (see NttTables).
  template <bool>
  static void inverse(const Q& q, V& x, V& y, Tw w) {
    const V difference = y + q.q2 - x;
    x = subtract_if(x + y, q.q2);
    y = mul_lazy(q, difference, w);
  }
  static void inverse_scaled(const Q& q, V& x, V& y, F scale, F scaled_last) {
    const V difference = x + q.q2 - y;
    x = mul_lazy(q, x + y, scale);
    y = mul_lazy(q, difference, scaled_last);
  }
  static void zip(V&, V&) {}
  static void unzip(V&, V&) {}
  static void unzip_backwards(V&, V&) {}
};

}  // namespace
}  // namespace blindsight::ring
