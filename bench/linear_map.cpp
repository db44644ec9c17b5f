// A convolution's linear map: 3×3 over 32×32 positions and 16 channels, 144 diagonals that repeat after 16384 slots, as
// 9 baby and 16 giant steps, at N = 2^16 with 20 ciphertext and 7 key-switching primes of 50 bits. The whole of it, and
// its phases one by one.
#include <benchmark/benchmark.h>

#include <cstdint>
#include <memory>
#include <random>
#include <vector>

#include "blindsight/base/parallel.h"
#include "blindsight/ckks/encryptor.h"
#include "blindsight/ckks/linear_map.h"
#include "blindsight/ckks/map_schedule.h"
#include "blindsight/ckks/map_weights.h"
#include "blindsight/ring/kernels.h"

namespace {

using namespace blindsight;
using namespace blindsight::ckks;

constexpr unsigned kLevel = 19;
constexpr double kWeightScale = 1 << 20;
constexpr std::size_t kPeriod = 16384;
constexpr int kGiants = 16;

struct Setting {
  Setting()
      : context(Context::create(
            ParametersLiteral::from_bits(16, std::vector<unsigned>(kLevel + 1, 50), std::vector<unsigned>(7, 50)))),
        encoder(context),
        evaluator(context),
        secret(context) {
    std::mt19937_64 random(1);
    std::uniform_real_distribution<double> uniform(-1, 1);
    std::vector<double> values(kPeriod);
    for (int giant = 0; giant < kGiants; ++giant) {
      for (const int row : {-32, 0, 32}) {
        for (const int column : {-1, 0, 1}) {
          plan.terms.push_back({0, 0, row + column, 1024 * giant, static_cast<std::uint32_t>(diagonals.size())});
          for (double& v : values) v = uniform(random);
          diagonals.emplace_back(values);
        }
      }
    }
    KeyRequest request;
    for (const int k : rotations_of(plan, static_cast<std::uint32_t>(context->slots())))
      request.want_rotation(context->literal(), k, kLevel);
    keys = make_evaluation_keys(secret, request);
    values.resize(context->slots());
    x = expand(*context, encrypt(secret, encoder.encode(values, 1 << 30, kLevel)));
    schedule = std::make_unique<MapSchedule>(plan, diagonals, static_cast<std::uint32_t>(context->slots()));
    sum = evaluator.rotate_extended(evaluator.hoist(x), 1, keys);
  }

  LinearMap map(bool cached) const { return {encoder, plan, diagonals, {kWeightScale}, kLevel, cached}; }

  ContextPtr context;
  Encoder encoder;
  Evaluator evaluator;
  SecretKey secret;
  EvaluationKeys keys;
  LinearMapPlan plan;
  std::vector<Diagonal> diagonals;
  Ciphertext x;
  std::unique_ptr<MapSchedule> schedule;
  ExtendedCiphertext sum;
};

const Setting& setting() {
  static const Setting made;
  return made;
}

const LinearMap& map(bool cached) {
  if (!cached) {
    static const LinearMap on_the_fly = setting().map(false);
    return on_the_fly;
  }
  static const LinearMap with_weights = setting().map(true);
  return with_weights;
}

template <typename F>
void run(benchmark::State& state, F&& f) {
  const Setting& s = setting();
  const ThreadLimit limit(static_cast<int>(state.range(0)));
  for (auto _ : state) benchmark::DoNotOptimize(f(s));
}

void whole(benchmark::State& state, bool cached) {
  const LinearMap& m = map(cached);
  run(state, [&](const Setting& s) {
    const Ciphertext* input = &s.x;
    return m.apply(s.evaluator, {&input, 1}, s.keys);
  });
}
void on_the_fly(benchmark::State& state) { whole(state, false); }
void cached(benchmark::State& state) { whole(state, true); }

/// Hoisting and nine babies.
void babies(benchmark::State& state) {
  run(state, [](const Setting& s) {
    const Hoisted hoisted = s.evaluator.hoist(s.x);
    std::vector<ExtendedCiphertext> all(9);
    const int steps[] = {-33, -32, -31, -1, 0, 1, 31, 32, 33};
    parallel_for(9, [&](std::size_t b) { all[b] = s.evaluator.rotate_extended(hoisted, steps[b], s.keys); });
    return all;
  });
}

/// Fifteen rotated sums, one ModDown.
void giants(benchmark::State& state) {
  run(state, [](const Setting& s) {
    ExtendedCiphertext total = s.sum, sum = s.sum;
    for (int giant = 1; giant < kGiants; ++giant) s.evaluator.add_rotated(total, sum, 1024 * giant, s.keys);
    return s.evaluator.mod_down(total);
  });
}

WeightCoefficients coefficients_of(const Setting& s, std::span<const std::uint32_t> ids) {
  return {s.encoder, *s.schedule, s.diagonals, std::vector<double>{kWeightScale}, kLevel, ids};
}

std::vector<std::uint32_t> ids_of(std::uint32_t first, std::uint32_t count) {
  std::vector<std::uint32_t> ids;
  for (std::uint32_t i = 0; i < count; ++i) ids.push_back(first + i);
  return ids;
}

/// Fourier transforms and rounding of all weights.
void weights_fft(benchmark::State& state) {
  run(state, [](const Setting& s) {
    for (std::uint32_t g = 0; g < 144; g += 36) benchmark::DoNotOptimize(coefficients_of(s, ids_of(g, 36)));
    return 0;
  });
}

/// Number-theoretic transforms of all weights, two at a time.
void weights_ntt(benchmark::State& state) {
  const auto ids = ids_of(0, 36);
  const WeightCoefficients coefficients = coefficients_of(setting(), ids);
  run(state, [&](const Setting& s) {
    const ring::Basis& basis = *s.context->extended_basis(kLevel);
    for (int g = 0; g < 4; ++g) {
      parallel_for(basis.size(), [&](std::size_t l) {
        static thread_local ring::AlignedVector<std::uint64_t> words(36 * kPeriod);
        std::vector<std::uint64_t*> out;
        for (std::size_t i = 0; i < 36; ++i) out.push_back(words.data() + i * kPeriod);
        for (std::size_t i = 0; i < coefficients.transforms(); ++i) coefficients.transform(i, out, basis.tables(l));
      });
    }
    return 0;
  });
}

/// The products: nine extended ciphertexts by sixteen groups of weights, eight groups at a time.
void products(benchmark::State& state) {
  constexpr std::size_t kTerms = 9, kGroups = 8, kEnds = 4 * ring::kPackedRun, kStride = kTerms * kEnds;
  const std::vector<ExtendedCiphertext> all(kTerms, setting().sum);
  std::vector<ExtendedCiphertext> sums(kGroups, setting().sum);
  run(state, [&](const Setting& s) {
    const ring::Basis& basis = *s.context->extended_basis(kLevel);
    for (std::size_t batch = 0; batch < kGiants / kGroups; ++batch) {
      parallel_for(basis.size(), [&](std::size_t l) {
        constexpr std::size_t kBlock = 1024, kRoom = kPeriod + 72;
        static thread_local ring::AlignedVector<std::uint64_t> words(kTerms * kGroups * kRoom, 12345);
        static thread_local ring::AlignedVector<std::uint64_t> packed(kBlock / ring::kPackedRun * kStride);
        const std::size_t n = s.context->n();
        std::vector<const std::uint64_t*> starts, weight[kGroups];
        for (std::size_t t = 0; t < kTerms; ++t) {
          starts.push_back(packed.data() + t * kEnds);
          for (std::size_t g = 0; g < kGroups; ++g) weight[g].push_back(words.data() + (kTerms * g + t) * kRoom);
        }
        for (std::size_t first = 0; first < n / 2; first += kBlock) {
          for (std::size_t t = 0; t < kTerms; ++t) {
            const std::uint64_t* const halves[] = {all[t].body.limb(l), all[t].mask.limb(l)};
            ring::kernels().pack_symmetric(packed.data() + t * kEnds, kStride, halves, n, first, kBlock);
          }
          for (std::size_t g = 0; g < kGroups; ++g) {
            std::uint64_t* out[] = {sums[g].body.limb(l), sums[g].mask.limb(l)};
            ring::kernels().dot_symmetric(out, starts.data(), kStride, weight[g].data(), kTerms, 1, n, first, kBlock,
                                          basis.modulus(l));
          }
        }
      });
    }
    return 0;
  });
}

void threads(benchmark::internal::Benchmark* b) {
  b->ArgName("threads")->Arg(1)->Arg(2)->UseRealTime()->Unit(benchmark::kMillisecond);
}

BENCHMARK(babies)->Apply(threads);
BENCHMARK(weights_fft)->Apply(threads);
BENCHMARK(weights_ntt)->Apply(threads);
BENCHMARK(products)->Apply(threads);
BENCHMARK(giants)->Apply(threads);
BENCHMARK(on_the_fly)->Apply(threads);
BENCHMARK(cached)->Apply(threads);

}  // namespace

BENCHMARK_MAIN();
