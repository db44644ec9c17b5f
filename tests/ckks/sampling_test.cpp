#include "blindsight/ckks/sampling.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>
#include <random>
#include <set>

#include "support.h"

namespace blindsight::ckks {
namespace {

Seed counting_seed() {
  Seed seed;
  std::iota(seed.begin(), seed.end(), std::uint8_t{0});
  return seed;
}

// The first block of a key stream is AES-256 of (stream, 0). NIST's known answers for the zero block (AESAVS,
// appendices for VarKey and KeySbox) show it.
TEST(Prng, ZeroKeyZeroCounterIsTheKnownAnswer) {
  Prng prng(Seed{});
  std::array<std::uint8_t, 16> block{};
  prng.fill(block);
  const std::array<std::uint8_t, 16> expected{0xdc, 0x95, 0xc0, 0x78, 0xa2, 0x40, 0x89, 0x89,
                                              0xad, 0x48, 0xa2, 0x14, 0x92, 0x84, 0x20, 0x87};
  EXPECT_EQ(block, expected);
}

TEST(Prng, AesavsKeySboxVector) {
  // KeySbox 256: key c47b0294…, plaintext 0.
  const Seed key{0xc4, 0x7b, 0x02, 0x94, 0xdb, 0xbb, 0xee, 0x0f, 0xec, 0x47, 0x57, 0xf2, 0x2f, 0xfe, 0xee, 0x35,
                 0x87, 0xca, 0x47, 0x30, 0xc3, 0xd3, 0x3b, 0x69, 0x1d, 0xf3, 0x8b, 0xab, 0x07, 0x6b, 0xc5, 0x58};
  const std::array<std::uint8_t, 16> expected{0x46, 0xf2, 0xfb, 0x34, 0x2d, 0x6f, 0x0a, 0xb4,
                                              0x77, 0x47, 0x6f, 0xc5, 0x01, 0x24, 0x2c, 0x5f};
  Prng prng(key);
  std::array<std::uint8_t, 16> block{};
  prng.fill(block);
  EXPECT_EQ(block, expected);
}

TEST(Prng, IsDeterministicHoweverItIsRead) {
  Prng whole(counting_seed(), 5), pieces(counting_seed(), 5);
  Bytes a(10000), b(10000);
  whole.fill(a);
  for (std::size_t at = 0, size = 1; at < b.size(); at += size, size = size * 3 % 97 + 1) {
    pieces.fill(std::span(b).subspan(at, std::min(size, b.size() - at)));
  }
  EXPECT_EQ(a, b);
}

TEST(Prng, StreamsAndSeedsDiffer) {
  std::set<Bytes> seen;
  Seed other = counting_seed();
  other[31] ^= 1;
  for (const Seed& seed : {counting_seed(), other}) {
    for (std::uint64_t stream : {0ull, 1ull, 1ull << 16, 1ull << 32, ~0ull}) {
      Prng prng(seed, stream);
      Bytes block(64);
      prng.fill(block);
      EXPECT_TRUE(seen.insert(block).second) << stream;
    }
  }
}

TEST(Prng, FreshSeedsDiffer) {
  std::set<Seed> seeds;
  for (int i = 0; i < 100; ++i) EXPECT_TRUE(seeds.insert(random_seed()).second);
}

/// The words of a block of a limb, straight from the definition.
std::vector<std::uint64_t> defined(const ring::Modulus& q, std::uint64_t stream, std::uint64_t limb,
                                   std::uint64_t block) {
  constexpr std::size_t n = kUniformBlock;
  Prng prng(counting_seed(), (stream << 32) + (limb << 16) + block);
  Bytes key_stream(4 * n * q.bits() / 8);
  prng.fill(key_stream);
  std::vector<std::uint64_t> words;
  for (std::size_t at = 0; words.size() < n; at += q.bits()) {
    std::uint64_t word = 0;
    for (std::size_t bit = 0; bit < q.bits(); ++bit) {
      word |= std::uint64_t{key_stream[(at + bit) / 8] >> ((at + bit) % 8) & 1u} << bit;
    }
    if (word < q.value()) words.push_back(word);
  }
  return words;
}

TEST(Sampling, UniformWordsAreTheKeyStreamsHoweverTheyAreTaken) {
  // The second prime drops nearly half of all words, the third a few.
  for (const std::uint64_t prime : {1125899906842597ull, 33554467ull, 1099510054913ull, 65537ull}) {
    const ring::Modulus q(prime);
    constexpr std::size_t kBlocks = 4;
    ring::AlignedVector<std::uint64_t> whole(kBlocks * kUniformBlock), piece(2 * kUniformBlock);
    UniformWords words(counting_seed());
    words.make(whole, q, 5, 2);
    for (std::size_t b = 0; b < kBlocks; ++b) {
      const auto expected = defined(q, 5, 2, b);
      ASSERT_TRUE(std::equal(whole.begin() + static_cast<std::ptrdiff_t>(b * kUniformBlock),
                             whole.begin() + static_cast<std::ptrdiff_t>((b + 1) * kUniformBlock), expected.begin()))
          << prime;
    }
    for (const auto& [first, count] : {std::pair{2, 2}, {0, 1}, {1, 2}, {3, 1}}) {
      const auto part = std::span(piece).first(static_cast<std::size_t>(count) * kUniformBlock - 32);
      words.make(part, q, 5, 2, static_cast<std::size_t>(first) * kUniformBlock);
      ASSERT_TRUE(std::equal(part.begin(), part.end(),
                             whole.begin() + static_cast<std::ptrdiff_t>(first * static_cast<int>(kUniformBlock))))
          << prime << " " << first;
    }
  }
}

TEST(Sampling, UniformIsAPrefixOnATruncatedBasis) {
  const auto context = make_context(parameter_sets()[3]);
  const auto whole = sample_uniform(context->basis(5), counting_seed(), 3);
  const auto part = sample_uniform(context->basis(2), counting_seed(), 3);
  EXPECT_TRUE(std::equal(part.words().begin(), part.words().end(), whole.words().begin()));
  const auto other = sample_uniform(context->basis(2), counting_seed(), 4);
  EXPECT_FALSE(std::equal(part.words().begin(), part.words().end(), other.words().begin()));
}

// χ² over 256 equal bins: mean 255, standard deviation √510.
TEST(Sampling, UniformFillsItsRange) {
  const auto context = make_context(parameter_sets()[3]);
  const auto poly = sample_uniform(context->basis(5), counting_seed());
  for (std::size_t l = 0; l < poly.limbs(); ++l) {
    const double q = static_cast<double>(context->q(l).value());
    std::vector<double> bins(256);
    for (std::size_t i = 0; i < poly.n(); ++i) {
      ASSERT_LT(poly.limb(l)[i], context->q(l).value());
      ++bins[static_cast<std::size_t>(static_cast<double>(poly.limb(l)[i]) / q * 256)];
    }
    const double expected = static_cast<double>(poly.n()) / 256;
    double chi2 = 0;
    for (double b : bins) chi2 += (b - expected) * (b - expected) / expected;
    EXPECT_NEAR(chi2, 255, 6 * std::sqrt(510)) << l;
  }
}

// The same small numbers in every limb.
void expect_consistent(const ring::CoeffPoly& poly) {
  for (std::size_t l = 0; l < poly.limbs(); ++l) {
    for (std::size_t i = 0; i < poly.n(); ++i) {
      ASSERT_EQ(poly.basis()->modulus(l).to_signed(poly.limb(l)[i]),
                poly.basis()->modulus(0).to_signed(poly.limb(0)[i]));
    }
  }
}

std::map<std::int64_t, double> histogram(const ring::CoeffPoly& poly) {
  std::map<std::int64_t, double> counts;
  for (std::size_t i = 0; i < poly.n(); ++i) ++counts[poly.basis()->modulus(0).to_signed(poly.limb(0)[i])];
  return counts;
}

TEST(Sampling, TernaryIsBalanced) {
  const auto context = make_context(parameter_sets()[3]);
  std::map<std::int64_t, double> counts;
  constexpr int kRounds = 8;
  Prng prng(counting_seed());
  for (int r = 0; r < kRounds; ++r) {
    const auto poly = sample_ternary(context->basis(1), prng);
    expect_consistent(poly);
    for (const auto& [value, count] : histogram(poly)) counts[value] += count;
  }
  ASSERT_EQ(counts.size(), 3u);
  const double total = kRounds * static_cast<double>(context->n());
  for (const auto& [value, count] : counts) {
    EXPECT_LE(std::abs(value), 1);
    EXPECT_NEAR(count, total / 3, 6 * std::sqrt(total * 2 / 9)) << value;
  }
}

TEST(Sampling, ErrorIsARoundedGaussian) {
  const auto context = make_context(parameter_sets()[3]);
  std::map<std::int64_t, double> counts;
  constexpr int kRounds = 16;
  Prng prng(counting_seed(), 1);
  for (int r = 0; r < kRounds; ++r) {
    const auto poly = sample_error(context->basis(1), prng);
    expect_consistent(poly);
    for (const auto& [value, count] : histogram(poly)) counts[value] += count;
  }
  const double total = kRounds * static_cast<double>(context->n());
  double mean = 0, square = 0;
  for (const auto& [value, count] : counts) {
    const auto v = static_cast<double>(value);
    EXPECT_LE(std::abs(v), 6 * kErrorStdDev);
    mean += count * v / total;
    square += count * v * v / total;
    const auto below = [](double x) { return 0.5 * std::erfc(-x / (kErrorStdDev * std::sqrt(2))); };
    const double probability = below(v + 0.5) - below(v - 0.5);
    EXPECT_NEAR(count, total * probability, 6 * std::sqrt(total * probability) + 1) << value;
  }
  const double variance = kErrorStdDev * kErrorStdDev + 1.0 / 12;  // rounding adds a twelfth
  EXPECT_NEAR(mean, 0, 6 * std::sqrt(variance / total));
  EXPECT_NEAR(square, variance, 6 * variance * std::sqrt(2 / total));
}

TEST(Sampling, FreshErrorsDiffer) {
  const auto context = make_context(small_set());
  const auto a = fresh_error(context->basis(0)), b = fresh_error(context->basis(0));
  EXPECT_FALSE(std::equal(a.words().begin(), a.words().end(), b.words().begin()));
}

}  // namespace
}  // namespace blindsight::ckks
