#include "blindsight/ckks/encoder.h"

#include <gtest/gtest.h>

#include <limits>
#include <numbers>

#include "blindsight/base/error.h"
#include "support.h"

namespace blindsight::ckks {
namespace {

using Complex = std::complex<double>;

// Coefficients of a plaintext, from its first limb: right where they are below q_0/2.
std::vector<double> coefficients(const Plaintext& plaintext) {
  const auto poly = ring::to_coeff(plaintext.poly);
  std::vector<double> out(poly.n());
  for (std::size_t i = 0; i < out.size(); ++i) {
    out[i] = static_cast<double>(poly.basis()->modulus(0).to_signed(poly.limb(0)[i]));
  }
  return out;
}

// f(ζ^(g·3^j)) by the definition, ζ = exp(iπ/N).
Complex evaluate(const std::vector<double>& f, std::size_t slot, std::uint64_t g = 1) {
  const std::size_t two_n = 2 * f.size();
  std::uint64_t power = g;
  for (std::size_t i = 0; i < slot; ++i) power = power * 3 % two_n;
  Complex sum = 0;
  std::uint64_t exponent = 0;
  for (double c : f) {
    sum += c * std::polar(1.0, 2 * std::numbers::pi * static_cast<double>(exponent) / static_cast<double>(two_n));
    exponent = (exponent + power) % two_n;
  }
  return sum;
}

std::vector<Complex> random_complex(std::size_t count, std::uint64_t seed) {
  const auto values = random_values(2 * count, seed);
  std::vector<Complex> out(count);
  for (std::size_t i = 0; i < count; ++i) out[i] = {values[2 * i], values[2 * i + 1]};
  return out;
}

// Rounding: a slot is off by at most Σ|½| = N/2, and (8 standard deviations) by far less.
double rounding_error(const Context& context) { return Noise(context).slot(1.0 / 12); }

TEST(Encoder, IsTheCanonicalEmbedding) {
  const auto context = make_context(small_set());
  const Encoder encoder(context);
  const double scale = std::exp2(30);
  const auto values = random_complex(context->slots(), 1);
  const auto f = coefficients(encoder.encode(values, scale, 1));
  for (std::size_t slot : {0ul, 1ul, 2ul, 3ul, 7ul, 100ul, 1023ul, 1024ul, 2046ul, 2047ul}) {
    EXPECT_LT(std::abs(evaluate(f, slot) - scale * values[slot]), 2 * rounding_error(*context)) << slot;
  }
}

TEST(Encoder, TheAutomorphismOf3RotatesLeftAndMinus1Conjugates) {
  const auto context = make_context(small_set());
  const Encoder encoder(context);
  const double scale = std::exp2(30);
  const auto values = random_complex(context->slots(), 2);
  const auto plaintext = encoder.encode(values, scale, 1);
  for (int k : {1, 2, 5, 1000, 2047, -1, -700}) {
    const auto index = context->automorphism_index(context->rotation_element(k));
    const auto rotated = encoder.decode_complex({ring::automorphism(plaintext.poly, index), scale});
    for (std::size_t i = 0; i < values.size(); ++i) {
      const auto from = static_cast<std::size_t>((static_cast<int>(i) + k + 2048) % 2048);
      ASSERT_LT(std::abs(rotated[i] - values[from]), 1e-5) << k << " " << i;
    }
  }
  const auto index = context->automorphism_index(context->conjugation_element());
  const auto conjugated = encoder.decode_complex({ring::automorphism(plaintext.poly, index), scale});
  for (std::size_t i = 0; i < values.size(); ++i) ASSERT_LT(std::abs(conjugated[i] - std::conj(values[i])), 1e-5);
}

TEST(Encoder, ComesBackAtEveryLevelAndScale) {
  for (const auto& set : parameter_sets()) {
    const auto context = make_context(set);
    const Encoder encoder(context);
    for (unsigned level = 0; level <= context->max_level(); ++level) {
      for (double log_scale : {15.0, 20.5, 30.0}) {
        const double scale = std::exp2(log_scale);
        const auto values = random_complex(context->slots(), level + 10);
        const auto plaintext = encoder.encode(values, scale, level);
        EXPECT_EQ(plaintext.level(), level);
        EXPECT_EQ(plaintext.scale, scale);
        const auto back = encoder.decode_complex(plaintext);
        double error = 0;
        for (std::size_t i = 0; i < values.size(); ++i) {
          error = std::max(
              {error, std::abs(back[i].real() - values[i].real()), std::abs(back[i].imag() - values[i].imag())});
        }
        EXPECT_LT(error, rounding_error(*context) / scale + 1e-12) << set << " level " << level << " 2^" << log_scale;
      }
    }
  }
}

TEST(Encoder, RealValuesArePaddedWithZeros) {
  const auto context = make_context(small_set());
  const Encoder encoder(context);
  const auto values = random_values(100, 3, 50);
  const auto back = encoder.decode(encoder.encode(values, std::exp2(26), 1));
  ASSERT_EQ(back.size(), context->slots());
  auto expected = values;
  expected.resize(context->slots());
  EXPECT_LT(largest_difference(back, expected), rounding_error(*context) / std::exp2(26));
  EXPECT_LT(largest_difference(encoder.decode(encoder.encode(std::vector<double>{}, 1024, 0)),
                               std::vector<double>(context->slots())),
            1e-12);
}

TEST(Encoder, AConstantIsAConstantPolynomial) {
  const auto context = make_context(small_set());
  const Encoder encoder(context);
  for (double value : {0.0, 1.0, -2.5, 1e-3}) {
    const auto f = coefficients(encoder.encode_constant(value, std::exp2(25), 1));
    EXPECT_EQ(f[0], std::nearbyint(value * std::exp2(25)));
    EXPECT_TRUE(std::all_of(f.begin() + 1, f.end(), [](double c) { return c == 0; }));
  }
}

TEST(Encoder, DecodesCoefficientsOfManyLimbs) {
  const auto context = make_context(parameter_sets()[3]);  // log Q = 250
  const Encoder encoder(context);
  Evaluator evaluator(context);
  const auto values = random_values(context->slots(), 4);
  auto a = encoder.encode(values, std::exp2(58), 5);
  ring::mul_inplace(a.poly, encoder.encode_constant(-1, std::exp2(60), 5).poly);
  a.scale *= std::exp2(60);  // 2^118
  std::vector<double> expected(values);
  for (double& v : expected) v = -v;
  EXPECT_LT(largest_difference(encoder.decode(a), expected), 1e-11);
}

std::vector<Complex> repeated(const std::vector<Complex>& values, std::size_t slots) {
  std::vector<Complex> all(slots);
  for (std::size_t i = 0; i < slots; ++i) all[i] = values[i % values.size()];
  return all;
}

// A period's coefficients are those of the whole vector, spread out.
TEST(Encoder, PeriodsAreASubring) {
  const auto context = make_context(small_set());
  const Encoder encoder(context);
  const double scale = std::exp2(28);
  for (std::size_t period = 1; period <= context->slots(); period *= 2) {
    const auto values = random_complex(period, period);
    const auto compact = encoder.coefficients(std::span(values), scale);
    const auto whole = encoder.coefficients(std::span<const Complex>(repeated(values, context->slots())), scale);
    ASSERT_EQ(compact.size(), 2 * std::max<std::size_t>(period, 8));
    ASSERT_EQ(whole.size(), context->n());
    const std::size_t run = context->n() / compact.size();
    for (std::size_t j = 0; j < context->n(); ++j) {
      const std::int64_t expected = j % run == 0 ? compact[j / run] : 0;
      ASSERT_LE(std::abs(whole[j] - expected), 1) << period << " " << j;  // rounding may differ in a tie
    }
    // And the transform: every word `run` times.
    ring::AlignedVector<std::uint64_t> words(compact.size());
    compact.transform(words.data(), context->basis(1)->tables(1));
    std::vector<double> re;
    for (const Complex& z : values) re.push_back(z.real());
    const auto real = encoder.coefficients(re, scale);
    ring::AlignedVector<std::uint64_t> real_words(real.size());
    real.transform(real_words.data(), context->basis(1)->tables(1));
    const auto poly = encoder.encode_periodic(re, scale, 1).poly;
    for (std::size_t j = 0; j < context->n(); ++j) ASSERT_EQ(poly.limb(1)[j], real_words[j / run]) << period;
    for (std::size_t j = 0; j < real.size(); ++j) {
      ASSERT_EQ(real_words[j], real_words[real.size() - 1 - j]) << period;
      if (j > 0) {
        ASSERT_EQ(real[j], -real[real.size() - j]);
      }
    }
  }
}

// Real slots: errors of mirrored coefficients are one, so that a slot's variance is 2·period/12, twice that of as many
// independent ones; its imaginary part is none.
TEST(Encoder, RoundingErrorOfAPeriod) {
  const auto context = make_context(small_set());
  const Encoder encoder(context);
  for (const std::size_t period : {std::size_t{64}, std::size_t{512}, std::size_t{2048}}) {
    double square = 0, imaginary = 0;
    const int rounds = static_cast<int>(200 * 64 / period) + 20;
    for (int round = 0; round < rounds; ++round) {
      const auto values = random_values(period, static_cast<std::uint64_t>(round));
      const auto back = encoder.decode_complex(encoder.encode_periodic(values, 1024, 1));
      for (std::size_t i = 0; i < period; ++i) {
        square += std::pow((back[i].real() - values[i]) * 1024, 2);
        imaginary = std::max(imaginary, std::abs(back[i].imag()));
      }
    }
    const double variance = square / static_cast<double>(period) / rounds;
    EXPECT_NEAR(variance / (static_cast<double>(period) / 6), 1, 0.05) << period;
    EXPECT_LT(imaginary, 1e-9);
  }
}

TEST(Encoder, LargeCoefficientsAreKeptWhole) {
  const auto context = make_context(parameter_sets()[3]);
  const Encoder encoder(context);
  for (const double log_scale : {47.5, 48.5, 49.5, 55.0, 60.0}) {
    const auto values = random_values(64, 5);
    const auto f = encoder.coefficients(values, std::exp2(log_scale));
    const auto g = encoder.coefficients(random_values(64, 6), std::exp2(log_scale));
    const auto pair = Coefficients::pair(f, g);
    for (std::size_t l : {0u, 3u}) {
      const ring::Modulus& q = context->q(l);
      ring::AlignedVector<std::uint64_t> words(f.size());
      f.reduce(words.data(), q);
      for (std::size_t j = 0; j < f.size(); ++j) ASSERT_EQ(words[j], q.from_signed(f[j])) << log_scale;
      pair.reduce(words.data(), q);
      for (std::size_t j = 0; j < 64; ++j) {
        ASSERT_EQ(words[j], q.from_signed(f[j] - g[j + 64])) << log_scale;
        ASSERT_EQ(words[j + 64], q.from_signed(f[j + 64] + g[j])) << log_scale;
      }
    }
    EXPECT_LT(largest_difference(encoder.decode(encoder.encode_periodic(values, std::exp2(log_scale), 5)),
                                 [&] {
                                   std::vector<double> all(context->slots());
                                   for (std::size_t i = 0; i < all.size(); ++i) all[i] = values[i % 64];
                                   return all;
                                 }()),
              1e-12);
  }
}

TEST(Encoder, PairsByOneTransform) {
  const auto context = make_context(small_set());
  const Encoder encoder(context);
  for (const std::size_t period : {std::size_t{1}, std::size_t{4}, std::size_t{8}, std::size_t{64}, context->slots()}) {
    const auto a = random_values(period, 5), b = random_values(std::max<std::size_t>(period, 8), 6);
    const double a_scale = std::exp2(25), b_scale = std::exp2(19) * 1.1;
    const auto pair = encoder.pair(a, a_scale, b, b_scale);
    ASSERT_TRUE(pair);
    const auto f = encoder.coefficients(a, a_scale), g = encoder.coefficients(b, b_scale);
    const auto expected = Coefficients::pair(f, g);
    const std::size_t n = f.size();
    ASSERT_EQ(pair->size(), n);
    EXPECT_NEAR(pair->largest(), 2 * std::max(f.largest(), g.largest()), 1e-3);
    std::size_t different = 0;
    for (std::size_t j = 0; j < n; ++j) {
      different += (*pair)[j] != expected[j];
      ASSERT_LE(std::abs((*pair)[j] - expected[j]), 2) << period << " " << j;
      // Of two integers that mirror themselves, whatever was rounded how.
      if (j % (n / 2) == 0) continue;
      ASSERT_EQ(((*pair)[j] + (*pair)[n - j]) % 2, 0) << period << " " << j;
    }
    EXPECT_LE(different, 4U);
    for (const std::size_t l : {0, 1}) {
      const ring::Modulus& q = context->q(l);
      ring::AlignedVector<std::uint64_t> words(n);
      pair->reduce(words.data(), q);
      for (std::size_t j = 0; j < n; ++j) ASSERT_EQ(words[j], q.from_signed((*pair)[j]));
    }
    const ring::Modulus small(12289);
    ring::AlignedVector<std::uint64_t> words(n);
    pair->reduce(words.data(), small);
    for (std::size_t j = 0; j < n; ++j) ASSERT_EQ(words[j], small.from_signed((*pair)[j]));
  }
  const std::vector<double> one(8, 1), longer{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};
  EXPECT_TRUE(encoder.pair(one, std::exp2(29.9), one, 1));
  EXPECT_FALSE(encoder.pair(one, std::exp2(30.1), one, 1));
  EXPECT_FALSE(encoder.pair(one, 1, one, std::exp2(30.1)));
  EXPECT_FALSE(encoder.pair(one, 1, longer, 1));
  const std::vector<double> bad(8, std::numeric_limits<double>::quiet_NaN());
  EXPECT_FALSE(encoder.pair(one, 1024, bad, 1024));
  EXPECT_THROW(encoder.pair(one, 0, one, 1), InvalidArgument);
  EXPECT_THROW(encoder.pair(one, 1, std::vector<double>(3), 1), InvalidArgument);
}

TEST(Encoder, Refuses) {
  const auto context = make_context(small_set());
  const Encoder encoder(context);
  const std::vector<double> one{1};
  EXPECT_THROW(encoder.encode(std::vector<double>(context->slots() + 1), 1024, 0), InvalidArgument);
  for (double bad : {std::numeric_limits<double>::infinity(), std::numeric_limits<double>::quiet_NaN()}) {
    EXPECT_THROW(encoder.encode(std::vector<double>{0, bad}, 1024, 0), InvalidArgument);
    EXPECT_THROW(encoder.encode_constant(bad, 1024, 0), InvalidArgument);
    EXPECT_THROW(encoder.encode(one, bad, 0), InvalidArgument);
  }
  EXPECT_THROW(encoder.encode(one, 0, 0), InvalidArgument);
  EXPECT_THROW(encoder.encode(one, -1, 0), InvalidArgument);
  EXPECT_THROW(encoder.encode(one, 1024, context->max_level() + 1), InvalidArgument);
  EXPECT_THROW(encoder.coefficients(std::vector<double>(3), 1024), InvalidArgument);
  EXPECT_THROW(encoder.coefficients(std::vector<double>{}, 1024), InvalidArgument);
  EXPECT_THROW(encoder.coefficients(std::vector<double>(2 * context->slots()), 1024), InvalidArgument);
  EXPECT_THROW(Coefficients::pair(encoder.coefficients(one, 1), encoder.coefficients(std::vector<double>(32), 1)),
               InvalidArgument);
  const auto large = encoder.coefficients(one, std::exp2(61.5));
  EXPECT_THROW(Coefficients::pair(large, large), InvalidArgument);
  // Half the modulus: q_0 has 36 bits.
  EXPECT_NO_THROW(encoder.encode_constant(1, std::exp2(34.9), 0));
  EXPECT_THROW(encoder.encode_constant(1, std::exp2(35.1), 0), InvalidArgument);
  EXPECT_NO_THROW(encoder.encode_constant(1, std::exp2(61.9), 1));
  EXPECT_THROW(encoder.encode_constant(1, std::exp2(62.1), 1), InvalidArgument);
}

}  // namespace
}  // namespace blindsight::ckks
