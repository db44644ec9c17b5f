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

void UniformWords::make(std::span<std::uint64_t> out, const ring::Modulus& q, std::uint64_t stream, std::size_t limb,
                        std::size_t first) {
  std::array<std::uint8_t, kUniformBlock * ring::kMaxPrimeBits / 8> bytes;
  alignas(64) std::array<std::uint64_t, kUniformBlock> more;
  for (std::size_t block = first / kUniformBlock; !out.empty(); ++block) {
    stream_.seek((stream << 32) + (limb << 16) + block);
    const auto draw = [&](std::uint64_t* to, std::size_t count) {  // a multiple of 16; returns how many are below q
      const auto key_stream = std::span(bytes).first(packed_size(count, q.bits()));
      stream_.fill(key_stream);
      if (ring::kernels().unpack(to, key_stream.data(), q.bits(), count, q.value())) return count;
      std::size_t kept = 0;
      for (std::size_t i = 0; i < count; ++i) {
        const std::uint64_t word = to[i];
        to[kept] = word;
        kept += word < q.value() ? 1 : 0;
      }
      return kept;
    };
    const std::size_t size = std::min(out.size(), kUniformBlock);
    std::size_t made = draw(out.data(), size);
    while (made < size) {
      const std::size_t spare = draw(more.data(), (size - made + 15) / 16 * 16), taken = std::min(spare, size - made);
      std::copy_n(more.begin(), taken, out.begin() + static_cast<std::ptrdiff_t>(made));
      made += taken;
    }
    out = out.subspan(size);
  }
}

ring::EvalPoly sample_uniform(ring::BasisPtr basis, const Seed& seed, std::uint64_t stream) {
  ring::EvalPoly poly = ring::EvalPoly::uninitialised(std::move(basis));
  parallel_for(poly.limbs(), [&](std::size_t l) {
    UniformWords(seed).make({poly.limb(l), poly.n()}, poly.basis()->modulus(l), stream, l);
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
