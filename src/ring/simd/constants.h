// What the kernels need to know of a modulus, as plain data: the files built for one instruction set must not
// instantiate inline functions that the linker could then hand to the rest of the program.
#pragma once

#include <cstddef>
#include <cstdint>

namespace blindsight::ring {
class Modulus;
class NttTables;
struct Kernels;
}  // namespace blindsight::ring

namespace blindsight::ring::simd {

/// A fixed factor w in [0, q) and its precomputed quotients.
struct Factor {
  std::uint64_t word;
  std::uint64_t quotient;  ///< floor(w·2^52 / q)
  double centred;          ///< w in [-q/2, q/2]
  double ratio;            ///< centred / q
};

struct Constants {
  std::uint64_t q;
  unsigned bits;
  std::uint64_t barrett52;  ///< floor(2^(51 + bits) / q), in [2^51, 2^52)
  std::uint64_t barrett64;  ///< floor(2^(63 + bits) / q), in [2^63, 2^64)
};

/// The forms of twiddles that NttTables builds.
enum class TwiddleForm { kShoup, kMontgomery, kReal };

template <typename T>
struct Twiddles {
  const T *words, *companions;
};

struct TableView {
  std::size_t n;
  Constants constants;
  Twiddles<std::uint64_t> integers;  ///< kShoup, kMontgomery
  Twiddles<double> reals;            ///< kReal
  Factor scale;                      ///< 1/n
  Factor scaled_last;                ///< inverse twiddle 1, times 1/n
};

Constants constants_of(const Modulus& q);
/// w is reduced first.
Factor factor_of(std::uint64_t w, std::uint64_t q);
/// w·2^exponent mod q, exponent <= 64.
std::uint64_t times_power_of_two(std::uint64_t w, unsigned exponent, std::uint64_t q);
/// The inverse of an odd q modulo 2^64.
std::uint64_t inverse_word(std::uint64_t q);
/// 2^exponent mod q.
Factor power_of_two(unsigned exponent, std::uint64_t q);
/// For a transform of n words, n at most tables.n().
TableView view_of(const NttTables& tables, std::size_t n, TwiddleForm form);

/// What takes F + X^(n/2)·G apart: 1/2 and 1/(2i), i = ψ^(n/2) for every n (index 1 of the tables).
struct SplitFactors {
  Constants constants;
  Factor half, half_root;
};
SplitFactors split_factors(const NttTables& tables);

/// The tables of kernels, each in a file of its own.
const Kernels& portable_kernels();
#ifdef BLINDSIGHT_X86
const Kernels& ifma_kernels();
const Kernels& avx2_kernels();
#endif

}  // namespace blindsight::ring::simd

namespace blindsight::ring {
/// The IFMA kernels over an exact scalar model of the two instructions: for tests on machines that lack them.
const Kernels& ifma_model_kernels();
}  // namespace blindsight::ring
