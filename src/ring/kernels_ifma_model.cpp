#include "blindsight/ring/simd/generic.h"
#include "blindsight/ring/simd/ifma.h"

namespace blindsight::ring {
namespace {

/// What IfmaLanes does, lane by lane; the multiplications after Intel's description of VPMADD52LUQ and VPMADD52HUQ.
struct ModelLanes {
  struct Vector {
    std::uint64_t lane[8];
  };
  static constexpr std::uint64_t kMask = (std::uint64_t{1} << 52) - 1;

  template <typename Lane>
  static Vector each(Lane lane) {
    Vector v;
    for (unsigned i = 0; i < 8; ++i) v.lane[i] = lane(i);
    return v;
  }
  static unsigned __int128 product52(std::uint64_t a, std::uint64_t b) {
    return static_cast<unsigned __int128>(a & kMask) * (b & kMask);
  }

  static Vector load(const std::uint64_t* p) {
    return each([p](unsigned i) { return p[i]; });
  }
  static void store(std::uint64_t* p, const Vector& x) {
    for (unsigned i = 0; i < 8; ++i) p[i] = x.lane[i];
  }
  static void stream(std::uint64_t* p, const Vector& x) { store(p, x); }
  static void order_streams() {}
  static Vector widen(const std::int32_t* p) {
    return each([p](unsigned i) { return static_cast<std::uint64_t>(std::int64_t{p[i]}); });
  }
  static Vector set(std::uint64_t x) {
    return each([x](unsigned) { return x; });
  }
  static Vector add(const Vector& a, const Vector& b) {
    return each([&](unsigned i) { return a.lane[i] + b.lane[i]; });
  }
  static Vector sub(const Vector& a, const Vector& b) {
    return each([&](unsigned i) { return a.lane[i] - b.lane[i]; });
  }
  static Vector keep(const Vector& x) { return x; }
  static Vector min(const Vector& a, const Vector& b) {
    return each([&](unsigned i) { return a.lane[i] < b.lane[i] ? a.lane[i] : b.lane[i]; });
  }
  static Vector bit_and(const Vector& a, const Vector& b) {
    return each([&](unsigned i) { return a.lane[i] & b.lane[i]; });
  }
  static Vector shift_left(const Vector& a, unsigned count) {
    return each([&](unsigned i) { return a.lane[i] << count; });
  }
  static Vector shift_right(const Vector& a, unsigned count) {
    return each([&](unsigned i) { return a.lane[i] >> count; });
  }
  static Vector where_above(const Vector& x, const Vector& bound, const Vector& value) {
    return each([&](unsigned i) { return x.lane[i] > bound.lane[i] ? value.lane[i] : 0; });
  }
  static Vector multiply_add_low(const Vector& c, const Vector& a, const Vector& b) {
    return each(
        [&](unsigned i) { return c.lane[i] + (static_cast<std::uint64_t>(product52(a.lane[i], b.lane[i])) & kMask); });
  }
  static Vector multiply_add_high(const Vector& c, const Vector& a, const Vector& b) {
    return each(
        [&](unsigned i) { return c.lane[i] + static_cast<std::uint64_t>(product52(a.lane[i], b.lane[i]) >> 52); });
  }
  static Vector pick(const std::uint64_t* a, const std::uint32_t* index) {
    return each([&](unsigned i) { return a[index[i] % 8]; });
  }
  static Vector unpack(const std::uint8_t* p, const Unpacking& u) {
    return each([&](unsigned i) { return unpack_word(p, u, i); });
  }
  struct Doubles {
    double lane[8];
  };
  template <typename Lane>
  static Doubles each_double(Lane lane) {
    Doubles v;
    for (unsigned i = 0; i < 8; ++i) v.lane[i] = lane(i);
    return v;
  }
  static Doubles set_double(double x) {
    return each_double([x](unsigned) { return x; });
  }
  static Doubles add_doubles(const Doubles& a, const Doubles& b) {
    return each_double([&](unsigned i) { return a.lane[i] + b.lane[i]; });
  }
  static Doubles multiply_doubles(const Doubles& a, const Doubles& b) {
    return each_double([&](unsigned i) { return a.lane[i] * b.lane[i]; });
  }
  static Doubles word_to_double(const Vector& x) {
    return each_double([&](unsigned i) { return static_cast<double>(x.lane[i]); });
  }
  static Vector truncated(const Doubles& x) {
    return each([&](unsigned i) { return static_cast<std::uint64_t>(x.lane[i]); });
  }
  static Vector reverse(const Vector& a) {
    return each([&](unsigned i) { return a.lane[7 - i]; });
  }
  template <unsigned kLogRun>
  static Vector repeat(const std::uint64_t* p) {
    return each([p](unsigned i) { return p[i >> kLogRun]; });
  }
  template <std::size_t kCount>
  static Vector tile(const std::uint64_t* p) {
    return each([p](unsigned i) { return p[i % kCount]; });
  }
  static void zip(Vector& x, Vector& y) {
    const Vector a = x, b = y;
    x = each([&](unsigned i) { return (i % 2 ? b : a).lane[i / 2]; });
    y = each([&](unsigned i) { return (i % 2 ? b : a).lane[4 + i / 2]; });
  }
  static void unzip(Vector& x, Vector& y) {
    const Vector a = x, b = y;
    x = each([&](unsigned i) { return (i < 4 ? a : b).lane[2 * (i % 4)]; });
    y = each([&](unsigned i) { return (i < 4 ? a : b).lane[2 * (i % 4) + 1]; });
  }
  static void unzip_backwards(Vector& x, Vector& y) {
    unzip(x, y);
    const Vector even = x, odd = y;
    x = each([&](unsigned i) { return even.lane[7 - i]; });
    y = each([&](unsigned i) { return odd.lane[7 - i]; });
  }
};

}  // namespace

const Kernels& ifma_model_kernels() {
  static constinit const Kernels table = make_kernels<IfmaPolicy<ModelLanes>>("ifma-model");
  return table;
}

}  // namespace blindsight::ring
