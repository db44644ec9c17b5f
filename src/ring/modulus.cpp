#include "blindsight/ring/modulus.h"

#include <algorithm>
#include <array>
#include <bit>
#include <string>

#include "blindsight/base/error.h"

namespace blindsight::ring {

Modulus::Modulus(std::uint64_t value) : value_(value), bits_(static_cast<unsigned>(std::bit_width(value))) {
  if (value <= 2 || value % 2 == 0 || bits_ > kMaxPrimeBits)
    throw InvalidArgument("modulus " + std::to_string(value) + " must be an odd prime below 2^" +
                          std::to_string(kMaxPrimeBits));
}

std::uint64_t Modulus::pow(std::uint64_t base, std::uint64_t exponent) const {
  std::uint64_t result = 1;
  for (base = reduce(base); exponent != 0; exponent >>= 1) {
    if (exponent & 1) result = mul(result, base);
    base = mul(base, base);
  }
  return result;
}

std::uint64_t Modulus::inverse(std::uint64_t a) const {
  a = reduce(a);
  if (a == 0) throw InvalidArgument("0 has no inverse mod " + std::to_string(value_));
  return pow(a, value_ - 2);
}

std::uint64_t Modulus::from_signed(std::int64_t a) const {
  // Negated in unsigned arithmetic: the most negative integer has no positive counterpart.
  return a >= 0 ? reduce(static_cast<std::uint64_t>(a)) : neg(reduce(std::uint64_t{0} - static_cast<std::uint64_t>(a)));
}

namespace {

std::uint64_t mul_mod(std::uint64_t a, std::uint64_t b, std::uint64_t n) {
  return static_cast<std::uint64_t>(static_cast<unsigned __int128>(a) * b % n);
}

std::uint64_t pow_mod(std::uint64_t base, std::uint64_t exponent, std::uint64_t n) {
  std::uint64_t result = 1;
  for (base %= n; exponent != 0; exponent >>= 1) {
    if (exponent & 1) result = mul_mod(result, base, n);
    base = mul_mod(base, base, n);
  }
  return result;
}

bool passes_miller_rabin(std::uint64_t n, std::uint64_t witness) {
  const int twos = std::countr_zero(n - 1);
  std::uint64_t x = pow_mod(witness, (n - 1) >> twos, n);
  if (x == 1 || x == n - 1) return true;
  for (int i = 1; i < twos; ++i) {
    x = mul_mod(x, x, n);
    if (x == n - 1) return true;
  }
  return false;
}

}  // namespace

bool is_prime(std::uint64_t n) {
  // The first twelve primes as witnesses decide every n < 3.3e24 (Sorenson and Webster 2015).
  constexpr std::array<std::uint64_t, 12> kWitnesses{2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37};
  if (n < 2) return false;
  for (const std::uint64_t p : kWitnesses)
    if (n % p == 0) return n == p;
  return std::all_of(kWitnesses.begin(), kWitnesses.end(), [n](std::uint64_t w) { return passes_miller_rabin(n, w); });
}

std::vector<std::uint64_t> find_primes(unsigned bits, std::size_t n, std::size_t count,
                                       std::span<const std::uint64_t> taken) {
  if (bits > kMaxPrimeBits || bits < 2)
    throw InvalidArgument("primes of " + std::to_string(bits) + " bits: from 2 to " + std::to_string(kMaxPrimeBits) +
                          " are supported");
  if (n == 0 || n > (std::size_t{1} << 40)) throw InvalidArgument("ring degree " + std::to_string(n) + " out of range");
  const std::uint64_t step = 2 * static_cast<std::uint64_t>(n);
  const std::uint64_t top = (std::uint64_t{1} << bits) - 1;
  std::vector<std::uint64_t> found;
  if (count == 0) return found;
  for (std::uint64_t q = top >= 1 ? (top - 1) / step * step + 1 : 0; q > 2 && q > step; q -= step) {
    if (is_prime(q) && std::find(taken.begin(), taken.end(), q) == taken.end()) {
      found.push_back(q);
      if (found.size() == count) return found;
    }
  }
  throw InvalidArgument("only " + std::to_string(found.size()) + " of " + std::to_string(count) + " primes below 2^" +
                        std::to_string(bits) + " are 1 mod " + std::to_string(step) + "; take more bits");
}

std::uint64_t minimal_primitive_root(const Modulus& q, std::size_t n) {
  const std::uint64_t order = 2 * static_cast<std::uint64_t>(n);
  if (!std::has_single_bit(order) || (q.value() - 1) % order != 0)
    throw InvalidArgument("no primitive root of order " + std::to_string(order) + " mod " + std::to_string(q.value()));
  // x^((q-1)/2n) has order 2n exactly where its n-th power is -1, which holds for every non-residue x.
  std::uint64_t root = 0;
  for (std::uint64_t x = 2; root == 0; ++x) {
    if (x > 10000 || x >= q.value()) throw InvalidArgument(std::to_string(q.value()) + " is not a prime");
    const std::uint64_t candidate = q.pow(x, (q.value() - 1) / order);
    if (q.pow(candidate, n) == q.value() - 1) root = candidate;
  }
  // The primitive roots are the odd powers of any one of them.
  const std::uint64_t square = q.mul(root, root);
  std::uint64_t smallest = root;
  for (std::size_t i = 1; i < n; ++i) {
    root = q.mul(root, square);
    smallest = std::min(smallest, root);
  }
  return smallest;
}

}  // namespace blindsight::ring
