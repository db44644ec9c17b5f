// What ciphertext operations do, counted: arithmetic by kind of kernel, and words moved. Knows no machine: rates.h
// does.
#pragma once

#include <cstddef>
#include <vector>

#include "blindsight/compiler/memory.h"
#include "blindsight/compiler/program.h"

namespace blindsight::compiler {

/// Amounts. A word is one coefficient of a limb, 8 bytes. Whole numbers; doubles, so that they can be priced.
struct Work {
  double butterflies = 0;      ///< of number-theoretic transforms: n/2·log2(n) for n words
  double key_products = 0;     ///< multiply-adds of digits with keys
  double weight_products = 0;  ///< multiply-adds of ciphertexts with encoded weights
  double sums = 0;             ///< words that such sums of products are reduced to
  double conversions = 0;      ///< multiply-adds of base conversions
  double passes = 0;           ///< words written by other word-wise kernels (additions, scalings, automorphisms, ...)
  double packed = 0;           ///< words of ciphertexts that are laid out for the products with weights
  double embeddings = 0;       ///< butterflies of complex Fourier transforms, as `butterflies` counts
  double key_words = 0;        ///< read from expanded keys
  double unpacked = 0;         ///< read from packed keys, as many words
  double drawn = 0;            ///< made from seeds
  double digit_words = 0;      ///< of hoisted digits too many for a cache, read for every rotation
  double weight_words = 0;     ///< read from weights, which are too many for a cache

  Work& operator+=(const Work& other);
  friend Work operator+(Work a, const Work& b) { return a += b; }
  friend Work operator*(double times, const Work& work);
};

/// Work that is one parallel loop over so many tasks of one size.
struct Phase {
  Work work;
  std::size_t tasks = 1;

  /// Of the whole time on one thread, what it takes on `threads`.
  double share(int threads) const;
};
using Phases = std::vector<Phase>;
Work total(const Phases& phases);

/// The primitives of the scheme on ciphertexts of level + 1 limbs, with `special_limbs` primes in P.
class LevelWork {
 public:
  LevelWork(std::size_t n, unsigned level, unsigned special_limbs, ckks::KeyForm keys);
  Phases decompose() const;                  ///< ModUp of a polynomial: its digits over Q·P
  Phases mod_down(std::size_t polys) const;  ///< from Q·P to Q
  Phases rotate_hoisted() const;             ///< digits to a ciphertext over Q·P
  Phases baby() const;                       ///< the same where P times the body is at hand: a baby step
  Phases extend() const;                     ///< a ciphertext times P, over Q·P
  Phases add_extended() const;               ///< of two ciphertexts over Q·P
  Phases add_rotated_hoisted() const;        ///< digits to a ciphertext over Q·P, added to another: a fold
  Phases add_rotated() const;                ///< a ciphertext over Q·P, rotated, added to another: a giant step
  Phases relinearise() const;
  Phases square() const;                     ///< without relinearisation
  Phases rotate() const;                     ///< from Q to Q
  Phases rotate_again() const;               ///< the same, of digits that are there
  Phases inner_product(bool hoisted) const;  ///< digits with a key
  Phases switch_ring() const;                ///< to this ring, from the one of twice the degree
  Phases rescale() const;                    ///< to level − 1
  Phases add_vector() const;                 ///< an encoded plaintext
  Phases encode(std::size_t period) const;   ///< a plaintext of that period, over Q
  Phases product() const;                    ///< of a ciphertext over Q·P and a weight at hand, beside reading that
  Phases plain_product() const;
  std::size_t limbs() const { return limbs_; }
  std::size_t extended() const { return extended_; }
  std::size_t n() const { return n_; }
  /// Words of a key of this level, both halves.
  double key_words() const;

 private:
  Phases finish_rotation() const;
  std::size_t digit_size(std::size_t digit) const;
  Work convert(std::size_t from, std::size_t to) const;
  Phases mod_up(std::size_t tasks) const;
  Phases prepare() const;

  std::size_t n_, limbs_, special_, extended_, digits_;
  ckks::KeyForm keys_;
};

/// A number-theoretic transform of n words.
double butterflies(std::size_t n);

/// Every operation of the program, run as `memory` says.
std::vector<Phases> work_of(const Program& program, const ckks::Context& context, const MemoryPlan& memory);

}  // namespace blindsight::compiler
