#include <gtest/gtest.h>

#include <algorithm>

#include "common.h"

namespace blindsight::ring {
namespace {

// w as it stands in the whole ring.
std::uint64_t weight(const Words& w, std::size_t j, std::size_t n, unsigned log_run) {
  return w[std::min(j, n - 1 - j) >> log_run];
}

/// The terms' runs one after the other.
Words packed_words(const Kernels& k, const std::vector<Words> (&a)[2], std::size_t n, std::size_t first,
                   std::size_t count) {
  const std::size_t terms = a[0].size(), stride = terms * 4 * kPackedRun;
  Words packed(count / kPackedRun * stride);
  for (std::size_t t = 0; t < terms; ++t) {
    const std::uint64_t* const halves[] = {a[0][t].data(), a[1][t].data()};
    k.pack_symmetric(packed.data() + t * 4 * kPackedRun, stride, halves, n, first, count);
  }
  return packed;
}

TEST(Compact, PackSymmetric) {
  std::mt19937_64 random(3);
  const Modulus q(edge_primes(16).front());
  constexpr std::size_t kN = 128, kFirst = 16, kCount = 48, kStride = 5 * kPackedRun;
  const std::vector<Words> a[2] = {{random_words(kN, q, random)}, {random_words(kN, q, random)}};
  const std::uint64_t* const halves[] = {a[0][0].data(), a[1][0].data()};
  for (const Kernels* k : all_kernels()) {
    Words out(kCount / kPackedRun * kStride, 7);
    k->pack_symmetric(out.data(), kStride, halves, kN, kFirst, kCount);
    for (std::size_t i = 0; i < out.size(); ++i) {
      const std::size_t run = i % kStride / kPackedRun, j = kFirst + i / kStride * kPackedRun + i % kPackedRun;
      const std::uint64_t expected = run == 4 ? 7 : a[run % 2][0][run < 2 ? j : kN - 1 - j];  // the gap stays
      ASSERT_EQ(out[i], expected) << k->name << " " << i;
    }
  }
}

TEST(Compact, DotSymmetric) {
  std::mt19937_64 random(1);
  constexpr std::size_t kN = 256;
  for (const std::uint64_t prime : edge_primes(16)) {
    const Modulus q(prime);
    for (const std::size_t terms : {1U, 2U, 9U}) {
      for (unsigned log_run = 0; log_run <= 5; ++log_run) {
        std::vector<Words> a[2], w;
        std::vector<const std::uint64_t*> w_data;
        for (std::size_t t = 0; t < terms; ++t) {
          for (int h : {0, 1}) a[h].push_back(random_words(kN, q, random));
          w.push_back(random_words(std::max<std::size_t>(8, (kN / 2) >> log_run), q, random));
        }
        for (const Words& of : w) w_data.push_back(of.data());
        for (const Kernels* k : all_kernels()) {
          const auto dot = [&](std::uint64_t* const* outs, std::size_t first, std::size_t count) {
            const Words packed = packed_words(*k, a, kN, first, count);
            std::vector<const std::uint64_t*> starts;
            for (std::size_t t = 0; t < terms; ++t) starts.push_back(packed.data() + t * 4 * kPackedRun);
            k->dot_symmetric(outs, starts.data(), terms * 4 * kPackedRun, w_data.data(), terms, log_run, kN, first,
                             count, q);
          };
          // In pieces; the words outside of them stay.
          Words out[2] = {Words(kN, 7), Words(kN, 7)};
          std::uint64_t* outs[] = {out[0].data(), out[1].data()};
          dot(outs, 16, 32);
          for (int h : {0, 1}) {
            for (std::size_t j = 0; j < kN; ++j) {
              const std::size_t near = std::min(j, kN - 1 - j);
              if (near < 16 || near >= 48) {
                ASSERT_EQ(out[h][j], 7U) << k->name << " " << j;
              }
            }
          }
          dot(outs, 0, 16);
          dot(outs, 48, kN / 2 - 48);
          for (int h : {0, 1}) {
            for (std::size_t j = 0; j < kN; ++j) {
              std::uint64_t expected = 0;
              for (std::size_t t = 0; t < terms; ++t)
                expected = q.add(expected, q.mul(a[h][t][j], weight(w[t], j, kN, log_run)));
              ASSERT_EQ(out[h][j], expected) << k->name << " q " << prime << " word " << j << " run " << log_run;
            }
          }
        }
      }
    }
  }
}

TEST(Compact, DotHalves) {
  std::mt19937_64 random(4);
  constexpr std::size_t kN = 128;
  for (const std::uint64_t prime : edge_primes(16)) {
    const Modulus q(prime);
    for (const auto& [outputs, terms] : {std::pair<std::size_t, std::size_t>{1, 1}, {2, 2}, {7, 9}}) {
      for (unsigned log_run = 0; log_run <= 4; ++log_run) {
        std::vector<Words> a[2], w;
        std::vector<const std::uint64_t*> w_data;
        for (std::size_t t = 0; t < terms; ++t) {
          for (int h : {0, 1}) a[h].push_back(random_words(kN, q, random));
        }
        for (std::size_t i = 0; i < outputs * terms; ++i) w.push_back(random_words(kN >> log_run, q, random));
        for (const Words& of : w) w_data.push_back(of.data());
        for (const Kernels* k : all_kernels()) {
          std::vector<Words> out(2 * outputs, Words(kN, 7));
          std::vector<std::uint64_t*> outs;
          for (Words& of : out) outs.push_back(of.data());
          // In pieces; the words outside of them stay.
          for (const auto& [first, count] : {std::pair<std::size_t, std::size_t>{32, 64}, {0, 16}, {96, 32}}) {
            const std::size_t stride = terms * 2 * kPackedRun;
            Words packed(count / kPackedRun * stride);
            std::vector<const std::uint64_t*> starts;
            for (std::size_t t = 0; t < terms; ++t) {
              const std::uint64_t* const halves[] = {a[0][t].data(), a[1][t].data()};
              k->pack_halves(packed.data() + t * 2 * kPackedRun, stride, halves, first, count);
              starts.push_back(packed.data() + t * 2 * kPackedRun);
            }
            k->dot_halves(outs.data(), outputs, starts.data(), stride, w_data.data(), terms, log_run, first, count, q,
                          first == 32);
          }
          for (std::size_t i = 0; i < 2 * outputs; ++i) {
            const Words* const of = w.data() + i / 2 * terms;
            for (std::size_t j = 0; j < kN; ++j) {
              std::uint64_t expected = 0;
              for (std::size_t t = 0; t < terms; ++t) {
                expected = q.add(expected, q.mul(a[i % 2][t][j], of[t][j >> log_run]));
              }
              if (j >= 16 && j < 32) expected = 7;
              ASSERT_EQ(out[i][j], expected) << k->name << " q " << prime << " output " << i / 2 << " half " << i % 2
                                             << " word " << j << " run " << log_run;
            }
          }
        }
      }
    }
  }
}

// Few sums are folded in another way than many.
TEST(Compact, SumsOfTheLargestTerms) {
  for (const std::uint64_t prime : edge_primes(16)) {
    const Modulus q(prime);
    for (const std::uint64_t x : {prime - 1, (prime - 1) & ~std::uint64_t{0x3ffffff}}) {
      const Words words(4 * kPackedRun, x);
      for (const std::size_t terms : {1, 12, 13, 27, 28, 29, 30, 4096}) {
        const std::vector<const std::uint64_t*> a(terms, words.data());
        const std::uint64_t sum = q.mul(q.reduce(terms), q.mul(x, x));
        const Words expected(32, sum), half(16, sum), plus(16, x), more(16, q.add(sum, x));
        for (const Kernels* k : all_kernels()) {
          const auto where = testing::Message() << k->name << " q " << prime << " terms " << terms;
          Words out[2] = {Words(32), Words(32)}, pair[2] = {Words(16), Words(16)};
          std::uint64_t* outs[] = {out[0].data(), out[1].data()};
          k->dot_symmetric(outs, a.data(), 4 * kPackedRun, a.data(), a.size(), 0, 32, 0, 16, q);
          ASSERT_EQ(out[0], expected) << where;
          ASSERT_EQ(out[1], expected) << where;
          std::uint64_t* pairs[] = {pair[0].data(), pair[1].data()};
          k->dot_halves(pairs, 1, a.data(), 2 * kPackedRun, a.data(), a.size(), 0, 0, 16, q, false);
          ASSERT_EQ(pair[0], half) << where;
          ASSERT_EQ(pair[1], half) << where;
          if (terms == 4096) continue;
          k->dot_pair(pairs[0], pairs[1], plus.data(), a.data(), a.data(), a.data(), terms, 16, q);
          ASSERT_EQ(pair[0], more) << where;
          ASSERT_EQ(pair[1], half) << where;
        }
      }
    }
  }
}

Words symmetric_words(std::size_t n, const Modulus& q, std::mt19937_64& random) {
  Words f = random_words(n, q, random);
  for (std::size_t j = 1; j < n; ++j) f[n - j] = q.neg(f[j]);
  f[n / 2] = 0;
  return f;
}

TEST(Compact, SplitSymmetric) {
  std::mt19937_64 random(2);
  const std::size_t full = 1024;
  for (const std::uint64_t prime : edge_primes(full)) {
    const NttTables tables(full, Modulus(prime));
    const Modulus& q = tables.modulus();
    for (std::size_t n = 16; n <= full; n *= 4) {
      const Words f = symmetric_words(n, q, random), g = symmetric_words(n, q, random);
      Words both(n);
      for (std::size_t j = 0; j < n / 2; ++j) {
        both[j] = q.sub(f[j], g[j + n / 2]);
        both[j + n / 2] = q.add(f[j + n / 2], g[j]);
      }
      for (const Kernels* k : all_kernels()) {
        Words f_eval = f, g_eval = g, both_eval = both, f_out(n / 2), g_out(n / 2);
        k->ntt_forward(f_eval.data(), n, tables);
        k->ntt_forward(g_eval.data(), n, tables);
        k->ntt_forward(both_eval.data(), n, tables);
        k->split_symmetric(f_out.data(), g_out.data(), both_eval.data(), n, tables);
        for (std::size_t i = 0; i < n; ++i) {
          ASSERT_EQ(f_eval[i], f_out[std::min(i, n - 1 - i)]) << k->name << " n " << n << " q " << prime << " " << i;
          ASSERT_EQ(g_eval[i], g_out[std::min(i, n - 1 - i)]) << k->name << " n " << n << " q " << prime << " " << i;
        }
      }
    }
  }
}

TEST(Compact, TransformsIntegers) {
  std::mt19937_64 random(4);
  constexpr std::size_t kRing = 256;
  for (const std::uint64_t prime : edge_primes(kRing)) {
    const NttTables tables(kRing, Modulus(prime));
    const auto most = static_cast<std::int64_t>(std::min<std::uint64_t>(prime - 1, 0x7fffffff));
    std::uniform_int_distribution<std::int32_t> uniform(static_cast<std::int32_t>(-most),
                                                        static_cast<std::int32_t>(most));
    for (std::size_t n = 16; n <= kRing; n *= 2) {
      std::vector<std::int32_t, AlignedAllocator<std::int32_t>> a(n);
      for (std::int32_t& x : a) x = uniform(random);
      a[0] = static_cast<std::int32_t>(most), a[1] = static_cast<std::int32_t>(-most), a[2] = 0;
      Words expected(n);
      for (std::size_t i = 0; i < n; ++i) expected[i] = tables.modulus().from_signed(a[i]);
      all_kernels().back()->ntt_forward(expected.data(), n, tables);
      for (const Kernels* k : all_kernels()) {
        Words out(n);
        k->ntt_forward_integers(out.data(), a.data(), n, tables);
        ASSERT_EQ(out, expected) << k->name << " " << n << " " << prime;
      }
    }
  }
}

}  // namespace
}  // namespace blindsight::ring
