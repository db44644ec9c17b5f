#include "blindsight/ring/kernels.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <string>

#include "blindsight/base/bytes.h"
#include "blindsight/base/error.h"
#include "blindsight/ring/poly.h"
#include "common.h"

namespace blindsight::ring {
namespace {

constexpr std::size_t kN = 112;  // a multiple of 16, not of 32

template <typename F>
void for_each_prime(F&& f) {
  std::mt19937_64 random(4);
  auto primes = edge_primes(16);
  primes.insert(primes.end(), {3, 17, 97, 65537});
  for (const std::uint64_t prime : primes) f(Modulus(prime), random);
}

TEST(Kernels, Pointwise) {
  for_each_prime([](const Modulus& q, std::mt19937_64& random) {
    const Words a = random_words(kN, q, random), b = random_words(kN, q, random), c = random_words(kN, q, random);
    for (const std::uint64_t w :
         {std::uint64_t{0}, std::uint64_t{1}, q.value() - 1, q.value() / 2, random() % q.value()})
      for (const Kernels* k : all_kernels()) {
        Words sum(kN), difference(kN), negated(kN), product(kN), scaled(kN), tail(kN), fused = c;
        k->add(sum.data(), a.data(), b.data(), kN, q);
        k->sub(difference.data(), a.data(), b.data(), kN, q);
        k->neg(negated.data(), a.data(), kN, q);
        k->mul(product.data(), a.data(), b.data(), kN, q);
        k->mul_add(fused.data(), a.data(), b.data(), kN, q);
        k->mul_scalar(scaled.data(), a.data(), w, kN, q);
        k->sub_mul_scalar(tail.data(), a.data(), b.data(), w, kN, q);
        for (std::size_t i = 0; i < kN; ++i) {
          const auto label = std::string(k->name) + " q " + std::to_string(q.value()) + " a " + std::to_string(a[i]) +
                             " b " + std::to_string(b[i]) + " w " + std::to_string(w);
          ASSERT_EQ(sum[i], q.add(a[i], b[i])) << label;
          ASSERT_EQ(difference[i], q.sub(a[i], b[i])) << label;
          ASSERT_EQ(negated[i], q.neg(a[i])) << label;
          ASSERT_EQ(product[i], q.mul(a[i], b[i])) << label;
          ASSERT_EQ(fused[i], q.add(c[i], q.mul(a[i], b[i]))) << label;
          ASSERT_EQ(scaled[i], q.mul(a[i], w)) << label;
          ASSERT_EQ(tail[i], q.mul(q.sub(a[i], b[i]), w)) << label;
        }
      }
  });
}

TEST(Kernels, OutputMayBeAnInput) {
  const Modulus q(find_primes(50, 16, 1)[0]);
  std::mt19937_64 random(5);
  const Words a = random_words(kN, q, random), b = random_words(kN, q, random);
  for (const Kernels* k : all_kernels()) {
    Words apart(kN), left = a, right = b;
    k->mul(apart.data(), a.data(), b.data(), kN, q);
    k->mul(left.data(), left.data(), b.data(), kN, q);
    k->mul(right.data(), a.data(), right.data(), kN, q);
    EXPECT_EQ(left, apart);
    EXPECT_EQ(right, apart);
    right = b;
    k->sub_mul_scalar(apart.data(), a.data(), b.data(), 7, kN, q);
    k->sub_mul_scalar(right.data(), a.data(), right.data(), 7, kN, q);
    EXPECT_EQ(right, apart);
    left = a;
    const std::uint64_t *l[] = {left.data(), left.data()}, *r[] = {b.data(), b.data()};
    k->dot(apart.data(), l, r, 2, kN, q);
    k->dot(left.data(), l, r, 2, kN, q);
    EXPECT_EQ(left, apart) << k->name;
  }
}

TEST(Kernels, Dot) {
  for_each_prime([](const Modulus& q, std::mt19937_64& random) {
    for (const std::size_t terms : {1U, 2U, 3U, 31U, 100U}) {
      std::vector<Words> words;
      std::vector<const std::uint64_t*> a, b;
      for (std::size_t t = 0; t < 2 * terms; ++t) words.push_back(random_words(kN, q, random));
      for (std::size_t t = 0; t < terms; ++t) a.push_back(words[t].data()), b.push_back(words[terms + t].data());
      for (const Kernels* k : all_kernels()) {
        Words out(kN);
        k->dot(out.data(), a.data(), b.data(), terms, kN, q);
        for (std::size_t i = 0; i < kN; ++i) {
          std::uint64_t expected = 0;
          for (std::size_t t = 0; t < terms; ++t) expected = q.add(expected, q.mul(a[t][i], b[t][i]));
          ASSERT_EQ(out[i], expected) << k->name << " q " << q.value() << " terms " << terms;
        }
      }
    }
  });
}

// 4096 terms, each as large as can be: for the accumulators (all bits set in both halves of a split) and the sums.
TEST(Kernels, DotOfTheMostAndLargestTerms) {
  for (const std::uint64_t prime : edge_primes(16)) {
    const Modulus q(prime);
    for (const std::uint64_t x : {prime - 1, (prime - 1) & ~std::uint64_t{0x3ffffff}, prime - 2}) {
      const Words words(16, x);
      const std::vector<const std::uint64_t*> a(4096, words.data());
      for (const Kernels* k : all_kernels()) {
        Words out(16);
        k->dot(out.data(), a.data(), a.data(), a.size(), 16, q);
        ASSERT_EQ(out, Words(16, q.mul(q.reduce(4096), q.mul(x, x)))) << k->name << " q " << prime;
      }
    }
  }
}

TEST(Kernels, SwitchModulusIsCentredAndExact) {
  for_each_prime([](const Modulus& from, std::mt19937_64& random) {
    for (const std::uint64_t target : {std::uint64_t{3}, std::uint64_t{97}, find_primes(20, 16, 1)[0],
                                       find_primes(49, 16, 1)[0], find_primes(50, 16, 1)[0], from.value()}) {
      const Modulus to(target);
      const Words a = random_words(kN, from, random);
      for (const Kernels* k : all_kernels()) {
        Words out(kN), in_place = a;
        k->switch_modulus(out.data(), a.data(), kN, from, to);
        k->switch_modulus(in_place.data(), in_place.data(), kN, from, to);
        for (std::size_t i = 0; i < kN; ++i)
          ASSERT_EQ(out[i], to.from_signed(from.to_signed(a[i])))
              << k->name << " " << a[i] << " from " << from.value() << " to " << target;
        ASSERT_EQ(in_place, out);
      }
    }
  });
}

TEST(Kernels, DotPair) {
  for_each_prime([](const Modulus& q, std::mt19937_64& random) {
    for (const std::size_t terms : {1U, 2U, 5U, 40U}) {
      std::vector<Words> words;
      std::vector<const std::uint64_t*> rows;
      for (std::size_t t = 0; t < 3 * terms; ++t) words.push_back(random_words(kN, q, random));
      for (const Words& w : words) rows.push_back(w.data());
      for (const Kernels* k : all_kernels()) {
        Words first(kN), second(kN), expected(kN);
        for (const std::uint64_t* const plus : {static_cast<const std::uint64_t*>(nullptr), rows[0]}) {
          k->dot_pair(first.data(), second.data(), plus, rows.data(), rows.data() + terms, rows.data() + 2 * terms,
                      terms, kN, q);
          k->dot(expected.data(), rows.data(), rows.data() + terms, terms, kN, q);
          if (plus != nullptr) k->add(expected.data(), expected.data(), plus, kN, q);
          ASSERT_EQ(first, expected) << k->name << " q " << q.value();
          k->dot(expected.data(), rows.data(), rows.data() + 2 * terms, terms, kN, q);
          ASSERT_EQ(second, expected) << k->name << " q " << q.value();
        }
      }
    }
  });
}

// Against 128-bit integers: any words below 2^50, targets of every width at once, every number of targets that the
// kernels group differently, more words than a block.
TEST(Kernels, Combine) {
  std::mt19937_64 random(7);
  std::vector<Modulus> primes;
  for (const std::uint64_t prime : edge_primes(16)) primes.emplace_back(prime);
  primes.emplace_back(3);
  primes.emplace_back(97);
  const std::uint64_t largest = (std::uint64_t{1} << 50) - 1;
  for (const std::size_t n : {std::size_t{16}, kN, std::size_t{272}}) {
    for (const std::size_t terms : {std::size_t{1}, std::size_t{2}, std::size_t{8}, kMaxCombineTerms}) {
      std::vector<Words> a(terms, Words(n));
      std::vector<const std::uint64_t*> rows;
      for (Words& row : a) {
        for (std::uint64_t& w : row) w = random() % 3 == 0 ? largest : random() & largest;
        rows.push_back(row.data());
      }
      for (const std::size_t targets : {1U, 2U, 3U, 4U, 7U, 18U}) {
        std::vector<const Modulus*> q;
        std::vector<std::uint64_t> weights;
        for (std::size_t t = 0; t < targets; ++t) {
          q.push_back(&primes[(t * 5 + terms + n) % primes.size()]);
          for (std::size_t j = 0; j < terms; ++j)
            weights.push_back(random() % 3 == 0 ? q[t]->value() - 1 : random() % q[t]->value());
        }
        for (const Kernels* k : all_kernels()) {
          std::vector<Words> out(targets, Words(n));
          std::vector<std::uint64_t*> to;
          for (Words& row : out) to.push_back(row.data());
          k->combine(to.data(), rows.data(), weights.data(), targets, terms, n, q.data());
          for (std::size_t t = 0; t < targets; ++t)
            for (std::size_t i = 0; i < n; ++i) {
              std::uint64_t expected = 0;
              for (std::size_t j = 0; j < terms; ++j)
                expected = q[t]->add(expected, q[t]->mul(q[t]->reduce(a[j][i]), weights[t * terms + j]));
              ASSERT_EQ(out[t][i], expected) << k->name << " q " << q[t]->value() << " terms " << terms;
            }
        }
      }
    }
  }
}

// The largest of everything, and nothing.
TEST(Kernels, CombineOfTheLargestTerms) {
  const std::uint64_t largest = (std::uint64_t{1} << 50) - 1;
  for (const std::uint64_t prime : edge_primes(16)) {
    const Modulus q(prime);
    const Modulus* const to = &q;
    for (const std::uint64_t x : {std::uint64_t{0}, std::uint64_t{1}, largest}) {
      const Words words(16, x);
      const std::vector<const std::uint64_t*> rows(kMaxCombineTerms, words.data());
      for (const std::uint64_t w : {std::uint64_t{0}, prime / 2, prime - 1}) {
        const std::vector<std::uint64_t> weights(kMaxCombineTerms, w);
        for (const Kernels* k : all_kernels()) {
          Words out(16);
          std::uint64_t* const into = out.data();
          k->combine(&into, rows.data(), weights.data(), 1, kMaxCombineTerms, 16, &to);
          ASSERT_EQ(out, Words(16, q.mul(q.reduce(kMaxCombineTerms), q.mul(q.reduce(x), w))))
              << k->name << " q " << prime;
        }
      }
    }
  }
}

TEST(Kernels, RoundSumHasTheSameBitsEverywhere) {
  std::mt19937_64 random(8);
  for (const std::size_t terms : {1U, 3U, 24U}) {
    std::vector<Words> a(terms, Words(kN));
    std::vector<const std::uint64_t*> rows;
    std::vector<double> factors;
    for (Words& row : a) {
      factors.push_back(1 / static_cast<double>((std::uint64_t{1} << 49) + random() % (std::uint64_t{1} << 49)));
      const auto most = static_cast<std::uint64_t>(1 / factors.back());
      // Halves make ties: two of them and the half before them are just below or just above an integer.
      for (std::uint64_t& w : row) w = random() % 2 == 0 ? most / 2 + random() % 3 : random() % most;
      rows.push_back(row.data());
    }
    for (const Kernels* k : all_kernels()) {
      Words out(kN);
      k->round_sum(out.data(), rows.data(), factors.data(), terms, kN);
      for (std::size_t i = 0; i < kN; ++i) {
        volatile double sum = 0.5;  // no fused operation: every product and sum is rounded
        for (std::size_t j = 0; j < terms; ++j) {
          volatile const double product = static_cast<double>(a[j][i]) * factors[j];
          sum = sum + product;
        }
        ASSERT_EQ(out[i], static_cast<std::uint64_t>(sum)) << k->name << " terms " << terms;
      }
    }
  }
}

TEST(Kernels, Permute) {
  std::mt19937_64 random(6);
  for (const std::size_t n : {16U, 128U, 4096U}) {
    const Modulus q((std::uint64_t{1} << 50) - 27);
    const Words a = random_words(n, q, random), addend = random_words(n, q, random);
    for (const std::uint32_t g : {1U, 3U, 5U, 27U, static_cast<std::uint32_t>(2 * n - 1)}) {
      const auto index = automorphism_index(n, g);
      for (const Kernels* k : all_kernels()) {
        Words out(n), spread(2 * n, 7), sum = addend;
        k->permute(out.data(), kPackedRun, a.data(), 0, index.data(), n);
        k->permute(spread.data(), 2 * kPackedRun, a.data(), 0, index.data(), n);
        k->add_permuted(sum.data(), a.data(), index.data(), n, q);
        for (std::size_t i = 0; i < n; ++i) {
          const std::size_t there = i / kPackedRun * 2 * kPackedRun + i % kPackedRun;
          ASSERT_EQ(out[i], a[index[i]]) << k->name;
          ASSERT_EQ(spread[there], a[index[i]]) << k->name;
          ASSERT_EQ(spread[there + kPackedRun], 7u) << k->name;
          ASSERT_EQ(sum[i], q.add(addend[i], a[index[i]])) << k->name;
        }
        for (std::size_t part = 16; part < n; part *= 2) {
          for (std::size_t first = 0; first < n; first += part) {
            const std::size_t origin = index[first] / part * part;
            const Words source(a.begin() + static_cast<std::ptrdiff_t>(origin),
                               a.begin() + static_cast<std::ptrdiff_t>(origin + part));  // sanitizers see a read beyond
            Words some(part);
            k->permute(some.data(), kPackedRun, source.data(), origin, index.data() + first, part);
            ASSERT_TRUE(std::equal(some.begin(), some.end(), out.begin() + static_cast<std::ptrdiff_t>(first)))
                << k->name << " " << part << " from " << first;
          }
        }
      }
    }
  }
}

TEST(Kernels, Unpack) {
  std::mt19937_64 random(7);
  for (unsigned bits = 1; bits <= 50; ++bits) {
    const std::uint64_t mask = (std::uint64_t{1} << bits) - 1;
    for (const std::size_t n : {16U, 48U, 4096U}) {
      Words words(n);
      std::uint64_t largest = 0;
      for (auto& w : words) largest = std::max(largest, w = random() & mask);
      for (const std::size_t shift : {0U, 1U, 13U}) {  // any alignment
        Bytes packed(packed_size(n, bits) + shift);    // sanitizers see a read beyond it
        pack_words(std::span(packed).subspan(shift), words, bits);
        for (const Kernels* k : all_kernels()) {
          Words out(n);
          ASSERT_TRUE(k->unpack(out.data(), packed.data() + shift, bits, n, largest + 1)) << k->name << " " << bits;
          ASSERT_EQ(out, words) << k->name << " bits " << bits << " words " << n;
          if (largest > 0) {
            ASSERT_FALSE(k->unpack(out.data(), packed.data() + shift, bits, n, largest)) << k->name << " " << bits;
          }
        }
      }
    }
  }
}

TEST(Dispatch, PortableIsAlwaysThereAndLast) {
  ASSERT_FALSE(available_kernels().empty());
  EXPECT_EQ(available_kernels().back()->name, "portable");
}

// ctest runs this once for each value of BLINDSIGHT_ISA; without one, the fastest is chosen.
TEST(Dispatch, Override) {
  const char* wanted = std::getenv("BLINDSIGHT_ISA");
  if (wanted == nullptr) {
    EXPECT_EQ(&kernels(), available_kernels().front());
    return;
  }
  bool available = false;
  for (const Kernels* k : available_kernels()) available |= k->name == wanted;
  if (available)
    EXPECT_EQ(kernels().name, wanted);
  else
    EXPECT_THROW(kernels(), InvalidArgument);
}

}  // namespace
}  // namespace blindsight::ring
