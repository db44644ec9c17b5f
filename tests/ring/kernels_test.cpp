#include "blindsight/ring/kernels.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

#include "blindsight/base/error.h"
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

TEST(Kernels, Permute) {
  std::mt19937_64 random(6);
  const Words a = random_words(kN, Modulus(97), random);
  std::vector<std::uint32_t> index(kN);
  for (auto& i : index) i = static_cast<std::uint32_t>(random() % kN);
  for (const Kernels* k : all_kernels()) {
    Words out(kN);
    k->permute(out.data(), a.data(), index.data(), kN);
    for (std::size_t i = 0; i < kN; ++i) ASSERT_EQ(out[i], a[index[i]]) << k->name;
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
