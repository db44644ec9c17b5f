#include "blindsight/ckks/base_conversion.h"

#include <gtest/gtest.h>

#include <random>

#include "blindsight/base/error.h"
#include "blindsight/ring/aligned.h"
#include "blindsight/ring/kernels.h"

namespace blindsight::ckks {
namespace {

using ring::Modulus;
using Words = ring::AlignedVector<std::uint64_t>;
constexpr std::size_t kWords = 272;

std::vector<Modulus> primes(unsigned bits, std::size_t count) {
  std::vector<Modulus> out;
  for (const std::uint64_t p : ring::find_primes(bits, 16, count)) out.emplace_back(p);
  return out;
}

/// The integer with residues x, in mixed radix: digit j has weight f_0 ... f_(j-1) (Garner). Exact, without floating
/// point and without big integers.
std::vector<std::uint64_t> mixed_radix(const std::vector<std::uint64_t>& x, const std::vector<Modulus>& from) {
  std::vector<std::uint64_t> digits;
  for (std::size_t j = 0; j < from.size(); ++j) {
    const Modulus& f = from[j];
    std::uint64_t value = 0, weight = 1;
    for (std::size_t i = 0; i < j; ++i) {
      value = f.add(value, f.mul(f.reduce(digits[i]), weight));
      weight = f.mul(weight, f.reduce(from[i].value()));
    }
    digits.push_back(f.mul(f.sub(x[j], value), f.inverse(weight)));
  }
  return digits;
}

/// Its centred representative modulo t. (F − 1)/2 has the digits (f_j − 1)/2.
std::uint64_t centred(const std::vector<std::uint64_t>& digits, const std::vector<Modulus>& from, const Modulus& t) {
  std::uint64_t value = 0, weight = 1;
  for (std::size_t j = 0; j < from.size(); ++j) {
    value = t.add(value, t.mul(t.reduce(digits[j]), weight));
    weight = t.mul(weight, t.reduce(from[j].value()));
  }
  for (std::size_t j = from.size(); j-- > 0;) {
    const std::uint64_t half = (from[j].value() - 1) / 2;
    if (digits[j] != half) return digits[j] > half ? t.sub(value, weight) : value;
  }
  return value;
}

std::vector<Words> converted(const std::vector<Words>& x, const std::vector<Modulus>& from,
                             const std::vector<Modulus>& to) {
  BaseConverter::Moduli sources, targets;
  for (const Modulus& f : from) sources.push_back(&f);
  for (const Modulus& t : to) targets.push_back(&t);
  const BaseConverter converter(sources, targets);
  EXPECT_EQ(converter.inputs(), from.size());
  EXPECT_EQ(converter.targets(), to.size());
  std::vector<Words> y = x;
  std::vector<const std::uint64_t*> rows;
  for (std::size_t j = 0; j < y.size(); ++j) {
    converter.scale(y[j].data(), j, kWords);
    rows.push_back(y[j].data());
  }
  Words v(kWords);
  converter.overflow(v.data(), rows, kWords);
  if (converter.rows() > rows.size()) rows.push_back(v.data());
  std::vector<Words> out(to.size(), Words(kWords));
  // In two pieces, as callers do.
  const std::size_t first = to.size() / 3;
  std::vector<std::uint64_t*> pointers;
  for (Words& row : out) pointers.push_back(row.data());
  converter.convert(pointers.data(), rows, 0, first, kWords);
  converter.convert(pointers.data() + first, rows, first, to.size() - first, kWords);
  return out;
}

TEST(BaseConversion, IsExactAwayFromHalf) {
  std::mt19937_64 random(1);
  auto to = primes(49, 5);
  for (const Modulus& q : primes(20, 2)) to.push_back(q);
  for (const unsigned bits : {50U, 31U}) {
    for (const std::size_t count : {1U, 2U, 3U, 4U, 7U, 12U, 24U}) {
      const auto from = primes(bits, count);
      std::vector<Words> x(count, Words(kWords));
      for (std::size_t i = 0; i < kWords; ++i) {
        for (std::size_t j = 0; j < count; ++j) {
          // 0, 1, F − 1, then anything.
          x[j][i] = i < 2 ? i : i == 2 ? from[j].value() - 1 : random() % from[j].value();
        }
      }
      const auto out = converted(x, from, to);
      for (std::size_t i = 0; i < kWords; ++i) {
        std::vector<std::uint64_t> residues;
        for (const Words& row : x) residues.push_back(row[i]);
        const auto digits = mixed_radix(residues, from);
        for (std::size_t t = 0; t < to.size(); ++t) {
          ASSERT_EQ(out[t][i], centred(digits, from, to[t])) << count << " primes of " << bits << " bits, word " << i;
        }
      }
    }
  }
}

// At (F − 1)/2 and (F + 1)/2 either representative will do, but one for all targets.
TEST(BaseConversion, NearHalfIsOneOfTheTwoRepresentatives) {
  const auto from = primes(50, 6), to = primes(48, 9);
  std::vector<Words> x(6, Words(kWords));
  for (std::size_t j = 0; j < 6; ++j) {
    for (std::size_t i = 0; i < kWords; ++i) {
      x[j][i] = from[j].sub((from[j].value() - 1) / 2 + i % 4, 1);  // (F − 1)/2 − 1 .. (F − 1)/2 + 2
    }
  }
  const auto out = converted(x, from, to);
  for (std::size_t i = 0; i < kWords; ++i) {
    std::vector<std::uint64_t> residues;
    for (const Words& row : x) residues.push_back(row[i]);
    const auto digits = mixed_radix(residues, from);
    int off = 0;
    for (std::size_t t = 0; t < to.size(); ++t) {
      std::uint64_t whole = 1;
      for (const Modulus& f : from) whole = to[t].mul(whole, to[t].reduce(f.value()));
      const std::uint64_t expected = centred(digits, from, to[t]);
      ASSERT_TRUE(out[t][i] == expected || out[t][i] == to[t].add(expected, whole) ||
                  out[t][i] == to[t].sub(expected, whole));
      off += out[t][i] != expected;
    }
    ASSERT_TRUE(off == 0 || off == static_cast<int>(to.size()));
  }
}

TEST(BaseConversion, RefusesTooManyPrimes) {
  const auto many = primes(40, 25);
  BaseConverter::Moduli from;
  const BaseConverter::Moduli to{&many[0]};
  EXPECT_THROW(BaseConverter(from, to), InvalidArgument);
  for (const Modulus& q : many) from.push_back(&q);
  EXPECT_THROW(BaseConverter(from, to), InvalidArgument);
}

}  // namespace
}  // namespace blindsight::ckks
