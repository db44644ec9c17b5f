#include "blindsight/compiler/rates.h"

#include <algorithm>
#include <chrono>
#include <limits>
#include <map>
#include <memory>
#include <mutex>
#include <tuple>
#include <vector>

#include "blindsight/base/parallel.h"
#include "blindsight/ckks/encoder.h"
#include "blindsight/ckks/sampling.h"
#include "blindsight/ring/kernels.h"

namespace blindsight::compiler {

namespace {

using Words = ring::AlignedVector<std::uint64_t>;
using Rows = std::vector<const std::uint64_t*>;

double real(std::size_t x) { return static_cast<double>(x); }

/// More than the caches of most processors hold, together with what else is measured.
constexpr std::size_t kFarWords = std::size_t{8} << 20;
/// Words of a vector when several of them should stay in a core's caches.
constexpr std::size_t kNearWords = 1024;
constexpr int kTries = 3;

/// What one thread measures with: memory beyond the caches, and the loops over it.
class Bench {
 public:
  explicit Bench(const ckks::Context& context)
      : context_(context),
        encoder_(context.shared_from_this()),
        n_(context.n()),
        limbs_(std::min(context.extended_basis(context.max_level())->size(), kFarWords / n_)),
        far_(kFarWords),
        packed_(kTerms * kEnds * (kRun / ring::kPackedRun), 1) {
    unsigned bits = ring::kMaxPrimeBits;
    for (std::size_t l = 0; l < context.full_basis()->size(); ++l)
      bits = std::min(bits, context.full_basis()->modulus(l).bits());
    for (std::size_t i = 0; i < far_.size(); ++i) far_[i] = i * 0x9e3779b97f4a7c15 >> (65 - bits);  // below every prime
  }

  std::size_t limbs() const { return limbs_; }

  void transforms() {
    const ring::Basis& basis = *context_.extended_basis(context_.max_level());
    for (std::size_t l = 0; l < limbs_; ++l) {
      ring::kernels().ntt_inverse(limb(l), n_, basis.tables(l));
      ring::kernels().ntt_forward(limb(l), n_, basis.tables(l));
    }
  }

  /// Sums of `terms` products for a key's two halves, out of a cache.
  void near_key_sums(std::size_t terms, std::size_t repetitions) {
    const Rows a = rows(terms, kNearWords), b = rows(2 * terms, kNearWords);
    Words out(2 * kNearWords);
    for (std::size_t i = 0; i < repetitions; ++i)
      ring::kernels().dot_pair(out.data(), out.data() + kNearWords, nullptr, a.data(), b.data(), b.data() + terms,
                               terms, kNearWords, q());
  }

  /// The same with keys in memory, limb after limb. Returns the words of keys.
  std::size_t far_key_sums(std::size_t terms) {
    Words digits(terms * n_), out(2 * n_);
    std::copy_n(far_.begin(), std::min(digits.size(), far_.size()), digits.begin());
    Rows a, b(2 * terms);
    for (std::size_t t = 0; t < terms; ++t) a.push_back(digits.data() + t * n_);
    const std::size_t step = 2 * terms * n_;
    std::size_t read = 0;
    for (; read + step <= far_.size(); read += step) {
      for (std::size_t t = 0; t < 2 * terms; ++t) b[t] = far_.data() + read + t * n_;
      ring::kernels().dot_pair(out.data(), out.data() + n_, nullptr, a.data(), b.data(), b.data() + terms, terms, n_,
                               q());
    }
    return read;
  }

  /// Sums of products with weights as LinearMap makes them, a run of words of every weight at a time: weights in order
  /// through the memory, or few enough for a cache. Returns the words of weights.
  std::size_t weight_sums(bool from_memory) {
    constexpr std::size_t kWords = 4096, kRoom = kWords + 72, kStride = kTerms * kEnds;
    const std::size_t groups = from_memory ? far_.size() / (kTerms * kRoom) : 1;
    Words sums(4 * kWords);
    std::uint64_t* const to[] = {sums.data(), sums.data() + 2 * kWords};
    Rows a(kTerms), w(kTerms);
    for (std::size_t t = 0; t < kTerms; ++t) a[t] = packed_.data() + t * kEnds;
    std::size_t read = 0;
    for (std::size_t first = 0; first < kWords; first += kRun) {
      for (std::size_t g = 0; g < groups; ++g) {
        for (std::size_t t = 0; t < kTerms; ++t)
          w[t] = far_.data() + (from_memory ? (g * kTerms + t) * kRoom : t * (kRun + 72));
        ring::kernels().dot_symmetric(to, a.data(), kStride, w.data(), kTerms, 0, 2 * kWords, from_memory ? first : 0,
                                      kRun, q());
        read += kTerms * kRun;
      }
    }
    return read;
  }

  void conversions(std::size_t repetitions) {
    constexpr std::size_t kTargets = 4, kInputs = 5;
    const Rows a = rows(kInputs, kNearWords);
    Words out(kTargets * kNearWords);
    std::uint64_t* const to[] = {out.data(), out.data() + kNearWords, out.data() + 2 * kNearWords,
                                 out.data() + 3 * kNearWords};
    const std::vector<std::uint64_t> weights(kTargets * kInputs, 12345);
    const std::vector<const ring::Modulus*> moduli(kTargets, &q());
    for (std::size_t i = 0; i < repetitions; ++i)
      ring::kernels().combine(to, a.data(), weights.data(), kTargets, kInputs, kNearWords, moduli.data());
  }
  static constexpr double kConversions = 4.0 * 5 * kNearWords;

  /// An automorphism, a scaling and an addition on limbs all over the memory. Returns the words written.
  std::size_t passes() {
    const auto index = context_.automorphism_index(context_.rotation_element(1));
    std::size_t l = 1;
    for (; (l + 1) * n_ <= far_.size(); ++l) {
      ring::kernels().permute(limb(l), ring::kPackedRun, limb(0), 0, index.data(), n_);
      ring::kernels().mul_scalar(limb(l), limb(l), 12345, n_, q());
      ring::kernels().add(limb(l), limb(l), limb(0), n_, q());
    }
    return 3 * (l - 1) * n_;
  }

  /// Runs from both ends of both halves of ciphertexts in memory. Returns the words.
  std::size_t packing() {
    std::size_t words = 0;
    for (std::size_t first = 0; first < std::min(n_ / 2, 4 * kRun); first += kRun) {
      for (std::size_t at = 0; at + 2 * n_ <= far_.size(); at += 2 * n_) {
        const std::uint64_t* const halves[] = {far_.data() + at, far_.data() + at + n_};
        ring::kernels().pack_symmetric(packed_.data() + words / (4 * kRun) % kTerms * kEnds, kTerms * kEnds, halves, n_,
                                       first, kRun);
        words += 4 * kRun;
      }
    }
    return words;
  }

  /// From small pages, as mapped files have them. Returns the words.
  std::size_t unpack() {
    if (file_.empty()) file_.resize(far_.size() * sizeof(std::uint64_t) / 2, 0x5a);
    Words out(kNearWords);
    const std::size_t step = kNearWords * q().bits() / 8, count = file_.size() / step;
    for (std::size_t i = 0; i < count; ++i)
      ring::kernels().unpack(out.data(), file_.data() + i * step, q().bits(), kNearWords, q().value());
    return count * kNearWords;
  }

  /// From a seed.
  void draw(std::size_t repetitions) {
    Words out(2 * kNearWords);
    ckks::UniformWords words(ckks::Seed{});
    for (std::size_t i = 0; i < repetitions; ++i) words.make(out, q(), 0, 0);
  }

  void embed() {
    const std::vector<double> values(context_.slots(), 0.25);
    encoder_.pair(values, 1 << 20, values, 1 << 20);
  }

  /// Sums of many products of few words with few weights. Returns the products.
  std::size_t first_cache_sums(std::size_t repetitions) {
    constexpr std::size_t kFew = 16, kMany = 512, kSize = 4 * ring::kPackedRun;
    Words sums(2 * kSize);
    Rows a, w;
    for (std::size_t t = 0; t < kMany; ++t) {
      a.push_back(packed_.data() + t % kFew * kEnds);
      w.push_back(far_.data() + t % kFew * (ring::kPackedRun + 8));
    }
    std::uint64_t* const to[] = {sums.data(), sums.data() + kSize};
    for (std::size_t i = 0; i < repetitions; ++i)
      ring::kernels().dot_symmetric(to, a.data(), kFew * kEnds, w.data(), kMany, 0, kSize, 0, ring::kPackedRun, q());
    return repetitions * kMany * kEnds;
  }

  /// Bytes in order.
  std::size_t stream() {
    std::uint64_t sum = 0;
    for (const std::uint64_t word : far_) sum += word;
    checksum_ = sum;
    return far_.size() * sizeof(std::uint64_t);
  }

 private:
  /// As wide as the primes of keys and ciphertexts usually are.
  const ring::Modulus& q() const { return context_.p(0); }
  std::uint64_t* limb(std::size_t l) { return far_.data() + l * n_; }
  Rows rows(std::size_t count, std::size_t words) const {
    Rows out;
    for (std::size_t i = 0; i < count; ++i) out.push_back(far_.data() + next_row_++ % 64 * (words + 72));
    return out;
  }

  static constexpr std::size_t kTerms = 64, kEnds = 4 * ring::kPackedRun, kRun = 128;
  const ckks::Context& context_;
  ckks::Encoder encoder_;
  std::size_t n_, limbs_ = 0;
  Words far_, packed_;
  std::vector<std::uint8_t> file_;
  mutable std::size_t next_row_ = 0;
  volatile std::uint64_t checksum_ = 0;
};

using Benches = std::vector<std::unique_ptr<Bench>>;

/// Nanoseconds of f on each of so many threads that do the same: the least of several tries. `f` takes its thread's
/// Bench.
template <typename F>
double least(Benches& benches, F&& f) {
  double best = std::numeric_limits<double>::infinity();
  for (int i = 0; i < kTries; ++i) {
    const auto start = std::chrono::steady_clock::now();
    parallel_for(benches.size(), [&](std::size_t t) { f(*benches[t]); });
    best = std::min(best, std::chrono::duration<double, std::nano>(std::chrono::steady_clock::now() - start).count());
  }
  return best;
}

/// The same, of each of as many as f says.
template <typename F>
double least_each(Benches& benches, F&& f) {
  std::size_t count = 1;
  const double taken = least(benches, [&](Bench& b) {
    const std::size_t done = f(b);
    if (&b == benches[0].get()) count = done;
  });
  return taken / real(count);
}

/// What a core does by itself.
void measure_arithmetic(Benches& benches, const ckks::Context& context, Rates& rates) {
  const auto time = [&](auto&& f) { return least(benches, f); };
  constexpr std::size_t kTimes = 64, kFew = 2, kMany = 10;
  rates.butterfly = time([](Bench& b) { b.transforms(); }) / (2 * real(benches[0]->limbs()) * butterflies(context.n()));
  const double words = real(kTimes * 2 * kNearWords);
  const double few = time([](Bench& b) { b.near_key_sums(kFew, kTimes); }) / words;
  const double many = time([](Bench& b) { b.near_key_sums(kMany, kTimes); }) / words;
  rates.key_product = (many - few) / real(kMany - kFew);
  rates.sum = std::max(0.0, few - real(kFew) * rates.key_product);
  rates.weight_product = least_each(benches, [](Bench& b) { return b.weight_sums(false); }) / 4;
  rates.conversion = time([](Bench& b) { b.conversions(kTimes); }) / (real(kTimes) * Bench::kConversions);
  rates.drawn = time([](Bench& b) { b.draw(kTimes); }) / real(kTimes * 2 * kNearWords);
  rates.embedding = time([](Bench& b) { b.embed(); }) / butterflies(context.slots());
  rates.multiply_add = least_each(benches, [](Bench& b) { return b.first_cache_sums(kTimes); });
}

/// What all of them wait for together.
void measure_memory(Benches& benches, Rates& rates) {
  constexpr std::size_t kDigits = 4;
  const double key = least_each(benches, [](Bench& b) { return b.far_key_sums(kDigits); });
  rates.key_word = std::max(0.0, key - rates.key_product - rates.sum / real(kDigits));
  const double weight = least_each(benches, [](Bench& b) { return b.weight_sums(true); });
  rates.weight_word = std::max(0.0, weight - 4 * rates.weight_product);
  rates.pass = least_each(benches, [](Bench& b) { return b.passes(); });
  rates.packed = least_each(benches, [](Bench& b) { return b.packing(); });
  rates.unpacked = least_each(benches, [](Bench& b) { return b.unpack(); });
  rates.memory_byte = least_each(benches, [](Bench& b) { return b.stream(); });
}

Rates measure(const ckks::Context& context, int threads) {
  Benches benches(static_cast<std::size_t>(threads));
  parallel_for(benches.size(), [&](std::size_t t) { benches[t] = std::make_unique<Bench>(context); });
  Rates rates;
  if (threads == 1) {
    measure_arithmetic(benches, context, rates);
  } else {
    rates = measured_rates(context, 1);
    rates.loop = least(benches, [](Bench&) {});
  }
  rates.threads = threads;
  measure_memory(benches, rates);
  benches.clear();
  ring::drop_cached_blocks();  // nobody else wants as large ones
  return rates;
}

}  // namespace

const Rates& reference_rates() {
  static constexpr Rates rates{.butterfly = 0.216,
                               .key_product = 0.077,
                               .weight_product = 0.112,
                               .sum = 0.486,
                               .conversion = 0.158,
                               .pass = 0.272,
                               .packed = 0.56,
                               .embedding = 0.60,
                               .unpacked = 0.29,
                               .drawn = 0.94,
                               .key_word = 0.125,
                               .weight_word = 0.76};
  return rates;
}

const Rates& measured_rates(const ckks::Context& context, int threads) {
  static std::recursive_mutex mutex;  // those for several threads begin with those for one
  static std::map<std::tuple<std::size_t, std::size_t, int>, Rates> known;
  const std::lock_guard lock(mutex);
  const std::tuple key(context.n(), context.full_basis()->size(), threads);
  auto found = known.find(key);
  if (found == known.end()) found = known.emplace(key, measure(context, threads)).first;
  return found->second;
}

double nanoseconds(const Work& work, const Rates& rates) {
  return work.butterflies * rates.butterfly + work.key_products * rates.key_product +
         work.weight_products * rates.weight_product + work.sums * rates.sum + work.conversions * rates.conversion +
         work.passes * rates.pass + work.packed * rates.packed + work.embeddings * rates.embedding +
         work.key_words * rates.key_word + work.unpacked * rates.unpacked + work.drawn * rates.drawn +
         work.digit_words * rates.key_word + work.weight_words * rates.weight_word;
}

double nanoseconds(const Phases& phases, const Rates& rates) {
  double sum = 0;
  for (const Phase& phase : phases) sum += nanoseconds(phase.work, rates) * phase.share(rates.threads) + rates.loop;
  return sum;
}

}  // namespace blindsight::compiler
