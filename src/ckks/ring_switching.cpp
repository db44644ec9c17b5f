#include "blindsight/ckks/ring_switching.h"

#include <string>

#include "blindsight/base/error.h"
#include "blindsight/base/parallel.h"
#include "blindsight/ring/kernels.h"

namespace blindsight::ckks {

namespace {

using ring::EvalPoly;
using ring::Modulus;
using ring::NttTables;
using Words = ring::AlignedVector<std::uint64_t>;

/// The points that every other slot of a transform stands for: ψ^(2·bitrev(2i)+1).
Words points(const NttTables& tables) {
  const Modulus& q = tables.modulus();
  const std::size_t half = tables.n() / 2;
  Words out(half);
  std::uint64_t power = tables.psi();
  const std::uint64_t step = q.mul(power, power);
  std::size_t reversed = 0;
  for (std::size_t i = 0; i < half; ++i, power = q.mul(power, step)) {
    out[reversed] = power;
    std::size_t bit = half / 2;  // counts up with the highest bit first
    while (bit != 0 && (reversed & bit) != 0) {
      reversed ^= bit;
      bit /= 2;
    }
    reversed |= bit;
  }
  return out;
}

/// The smaller ring's root of unity is the square of the larger one's, to this odd power.
std::uint32_t root_exponent(const NttTables& larger, const NttTables& smaller) {
  const Modulus& q = larger.modulus();
  const std::uint64_t squared = q.mul(larger.psi(), larger.psi());
  const std::uint64_t step = q.mul(squared, squared);
  std::uint64_t power = squared;
  for (std::uint32_t g = 1; g < 2 * smaller.n(); g += 2, power = q.mul(power, step)) {
    if (power == smaller.psi()) return g;
  }
  throw InvalidArgument("two rings whose roots of unity don't belong together");
}

void require_halved(const EvalPoly& a, const Context& smaller) {
  if (a.n() != 2 * smaller.n() || a.limbs() > smaller.max_level() + 1) {
    throw InvalidArgument("a polynomial of degree " + std::to_string(a.n()) + " and " + std::to_string(a.limbs()) +
                          " limbs for a ring of degree " + std::to_string(smaller.n()) + " and " +
                          std::to_string(smaller.max_level() + 1));
  }
}

/// Neighbouring words are the values at a point x and at -x.
void split_into(EvalPoly& even, EvalPoly* shifted_odd, const EvalPoly& a, const Context& smaller) {
  require_halved(a, smaller);
  const auto level = static_cast<unsigned>(a.limbs()) - 1;
  even = EvalPoly::uninitialised(smaller.basis(level));
  if (shifted_odd != nullptr) *shifted_odd = EvalPoly::uninitialised(smaller.basis(level));
  parallel_for(a.limbs(), [&](std::size_t l) {
    const NttTables& tables = a.basis()->tables(l);
    const Modulus& q = tables.modulus();
    const std::size_t half = smaller.n();
    const std::uint64_t* const in = a.limb(l);
    const auto index = smaller.automorphism_index(root_exponent(tables, smaller.basis(level)->tables(l)));
    Words words(half);
    const std::uint64_t half_of_one = q.inverse(2);
    for (std::size_t i = 0; i < half; ++i) words[i] = q.mul(q.add(in[2 * i], in[2 * i + 1]), half_of_one);
    ring::kernels().permute(even.limb(l), ring::kPackedRun, words.data(), 0, index.data(), half);
    if (shifted_odd == nullptr) return;
    const Words x = points(tables);
    for (std::size_t i = 0; i < half; ++i) {
      words[i] = q.mul(q.mul(q.sub(in[2 * i], in[2 * i + 1]), half_of_one), x[i]);
    }
    ring::kernels().permute(shifted_odd->limb(l), ring::kPackedRun, words.data(), 0, index.data(), half);
  });
}

}  // namespace

Halves split(const EvalPoly& a, const Context& smaller) {
  Halves halves;
  split_into(halves.even, &halves.shifted_odd, a, smaller);
  return halves;
}

EvalPoly even_half(const EvalPoly& a, const Context& smaller) {
  EvalPoly even;
  split_into(even, nullptr, a, smaller);
  return even;
}

}  // namespace blindsight::ckks
