#include "blindsight/ckks/sampling.h"

#include <openssl/crypto.h>
#include <openssl/rand.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

#include "blindsight/base/error.h"
#include "blindsight/base/parallel.h"
#include "blindsight/ckks/parameters.h"
#include "blindsight/ring/kernels.h"

namespace blindsight::ckks {

Seed random_seed() {
  Seed seed;
  if (RAND_priv_bytes(seed.data(), static_cast<int>(seed.size())) != 1) {
    throw Error("the operating system gives no randomness");
  }
  return seed;
}

namespace {

/// Words from a Prng, fetched a block at a time; the block is wiped.
class WordStream {
 public:
  explicit WordStream(Prng& prng) : prng_(prng) {}
  ~WordStream() { OPENSSL_cleanse(block_.data(), sizeof(block_)); }
  WordStream(const WordStream&) = delete;
  WordStream& operator=(const WordStream&) = delete;
  std::uint64_t next() {
    if (used_ == block_.size()) {
      prng_.fill({reinterpret_cast<std::uint8_t*>(block_.data()), sizeof(block_)});
      used_ = 0;
    }
    return block_[used_++];
  }

 private:
  Prng& prng_;
  std::array<std::uint64_t, 512> block_{};
  std::size_t used_ = block_.size();
};

/// All limbs of a small polynomial.
ring::CoeffPoly reduced(ring::BasisPtr basis, const SmallCoefficients& small) {
  ring::CoeffPoly poly = ring::CoeffPoly::uninitialised(std::move(basis));
  parallel_for(poly.limbs(), [&](std::size_t l) { small.reduce(poly.limb(l), poly.basis()->modulus(l)); });
  return poly;
}

constexpr int kErrorBound = 19;  // floor(6σ)

/// thresholds[k] = 2^63 · P(|error| <= k).
const std::array<std::uint64_t, kErrorBound>& error_thresholds() {
  static const auto table = [] {
    std::array<std::uint64_t, kErrorBound> t{};
    for (int k = 0; k < kErrorBound; ++k) {
      const long double within = std::erf((k + 0.5L) / (static_cast<long double>(kErrorStdDev) * std::sqrt(2.0L)));
      t[static_cast<std::size_t>(k)] = static_cast<std::uint64_t>(std::ldexp(within, 63));
    }
    return t;
  }();
  return table;
}

}  // namespace

SmallCoefficients::~SmallCoefficients() { OPENSSL_cleanse(values_.data(), values_.size()); }

void SmallCoefficients::reduce(std::uint64_t* out, const ring::Modulus& q) const {
  const std::uint64_t modulus = q.value();
  for (std::size_t i = 0; i < values_.size(); ++i) {
    const std::int64_t v = values_[i];
    // All ones where v < 0: no branch on a secret.
    out[i] = static_cast<std::uint64_t>(v) + (static_cast<std::uint64_t>(v >> 63) & modulus);
  }
}

UniformWords::UniformWords(const Seed& seed, std::uint64_t stream, std::size_t limb, const ring::Modulus& q)
    : stream_(seed, (stream << 16) + limb), q_(q.value()), bits_(q.bits()) {}

void UniformWords::next(std::span<std::uint64_t> out) {
  constexpr std::size_t kMost = 2048;  // words made at a time
  std::array<std::uint8_t, kMost * ring::kMaxPrimeBits / 8> stream;
  alignas(64) std::array<std::uint64_t, kMost> words;
  while (!out.empty()) {
    if (!spare_.empty()) {
      const std::size_t count = std::min(spare_.size(), out.size());
      std::copy_n(spare_.begin(), count, out.begin());
      spare_.erase(spare_.begin(), spare_.begin() + static_cast<std::ptrdiff_t>(count));
      out = out.subspan(count);
      continue;
    }
    const std::size_t count = std::min((out.size() + 15) / 16 * 16, kMost);
    const std::span key_stream = std::span(stream).first(packed_size(count, bits_));
    stream_.fill(key_stream);
    const bool fits = count <= out.size() && reinterpret_cast<std::uintptr_t>(out.data()) % 64 == 0;
    std::uint64_t* const to = fits ? out.data() : words.data();
    std::size_t kept = count;
    if (!ring::kernels().unpack(to, key_stream.data(), bits_, count, q_)) {
      kept = 0;
      for (std::size_t i = 0; i < count; ++i) {
        const std::uint64_t word = to[i];
        to[kept] = word;
        kept += word < q_ ? 1 : 0;
      }
    }
    const std::size_t wanted = std::min(kept, out.size());
    if (!fits) {
      std::copy_n(to, wanted, out.data());
      spare_.assign(to + wanted, to + kept);
    }
    out = out.subspan(wanted);
  }
}

void sample_uniform_limb(std::span<std::uint64_t> out, const ring::Modulus& q, const Seed& seed, std::uint64_t stream,
                         std::size_t limb) {
  UniformWords(seed, stream, limb, q).next(out);
}

ring::EvalPoly sample_uniform(ring::BasisPtr basis, const Seed& seed, std::uint64_t stream) {
  ring::EvalPoly poly = ring::EvalPoly::uninitialised(std::move(basis));
  parallel_for(poly.limbs(), [&](std::size_t l) {
    sample_uniform_limb({poly.limb(l), poly.n()}, poly.basis()->modulus(l), seed, stream, l);
  });
  return poly;
}

ring::CoeffPoly sample_ternary(ring::BasisPtr basis, Prng& prng) {
  WordStream words(prng);
  std::uint64_t pool = 0;
  int left = 0;
  SmallCoefficients small(basis->n());
  for (std::int8_t& value : small.values()) {
    std::uint64_t two_bits = 3;
    while (two_bits == 3) {
      if (left == 0) {
        pool = words.next();
        left = 32;
      }
      two_bits = pool & 3;
      pool >>= 2;
      --left;
    }
    value = static_cast<std::int8_t>(static_cast<int>(two_bits) - 1);
  }
  return reduced(std::move(basis), small);
}

SmallCoefficients sample_error_coefficients(std::size_t n, Prng& prng) {
  WordStream words(prng);
  const auto& thresholds = error_thresholds();
  SmallCoefficients small(n);
  for (std::int8_t& value : small.values()) {
    const std::uint64_t word = words.next();
    const std::uint64_t u = word >> 1;
    std::int64_t magnitude = 0;
    for (std::uint64_t t : thresholds) magnitude += u >= t;  // every threshold is compared: constant time
    const std::int64_t sign = -static_cast<std::int64_t>(word & 1);
    value = static_cast<std::int8_t>((magnitude ^ sign) - sign);
  }
  return small;
}

ring::CoeffPoly sample_error(ring::BasisPtr basis, Prng& prng) {
  const std::size_t n = basis->n();
  return reduced(std::move(basis), sample_error_coefficients(n, prng));
}

ring::EvalPoly fresh_error(const ring::BasisPtr& basis) {
  Prng prng(random_seed());
  return ring::to_eval(sample_error(basis, prng));
}

}  // namespace blindsight::ckks
