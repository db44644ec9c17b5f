// The operations of the scheme, with the parameters of the digit networks (N = 2^13) and of a deep one (N = 2^16, 22
// ciphertext and 11 key-switching primes of 50 bits: two digits, close to what the security table allows).
#include <benchmark/benchmark.h>

#include <cstdint>
#include <vector>

#include "blindsight/base/parallel.h"
#include "blindsight/ckks/encoder.h"
#include "blindsight/ckks/encryptor.h"
#include "blindsight/ckks/evaluator.h"
#include "blindsight/ckks/serialise.h"

namespace {

using namespace blindsight;
using namespace blindsight::ckks;

constexpr double kScale = 1 << 25;

struct Setting {
  explicit Setting(ParametersLiteral literal)
      : context(Context::create(std::move(literal))),
        encoder(context),
        evaluator(context),
        secret(context),
        keys(make_evaluation_keys(secret, request())),
        values(context->slots()),
        plaintext(encode()),
        ciphertext(expand(*context, encrypt(secret, plaintext))) {}

  KeyRequest request() const {
    KeyRequest wanted;
    wanted.want_relinearisation(context->literal(), context->max_level());
    wanted.want_rotation(context->literal(), 1, context->max_level());
    return wanted;
  }
  Plaintext encode() {
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<double>(i % 17) / 17 - 0.5;
    return encoder.encode(values, kScale, context->max_level());
  }

  ContextPtr context;
  Encoder encoder;
  Evaluator evaluator;
  SecretKey secret;
  EvaluationKeys keys;
  std::vector<double> values;
  Plaintext plaintext;
  Ciphertext ciphertext;
};

Setting& setting(std::int64_t log_n) {
  if (log_n == 13) {
    static Setting digits(ParametersLiteral::from_bits(13, {34, 50, 47, 33}, {50}));
    return digits;
  }
  static Setting deep(ParametersLiteral::from_bits(16, std::vector<unsigned>(22, 50), std::vector<unsigned>(11, 50)));
  return deep;
}

template <typename F>
void run(benchmark::State& state, F&& f) {
  const ThreadLimit limit(static_cast<int>(state.range(1)));
  Setting& s = setting(state.range(0));
  for (auto _ : state) benchmark::DoNotOptimize(f(s));
}

void encode(benchmark::State& state) {
  run(state, [](Setting& s) { return s.encoder.encode(s.values, kScale, s.context->max_level()); });
}
void decode(benchmark::State& state) {
  run(state, [](Setting& s) {
    Plaintext low = s.plaintext;
    low.poly.truncate(s.context->basis(0));
    return s.encoder.decode(low);
  });
}
void encrypt_secret_key(benchmark::State& state) {
  run(state, [](Setting& s) { return encrypt(s.secret, s.plaintext); });
}
void rotate(benchmark::State& state) {
  run(state, [](Setting& s) { return s.evaluator.rotate(s.ciphertext, 1, s.keys); });
}
void rotate_hoisted(benchmark::State& state) {
  const Hoisted hoisted = setting(state.range(0)).evaluator.hoist(setting(state.range(0)).ciphertext);
  run(state, [&](Setting& s) { return s.evaluator.rotate(hoisted, 1, s.keys); });
}
void square_relinearise(benchmark::State& state) {
  run(state, [](Setting& s) {
    Ciphertext a = s.evaluator.square(s.ciphertext);
    s.evaluator.relinearise_inplace(a, s.keys);
    return a;
  });
}
void rescale(benchmark::State& state) {
  run(state, [](Setting& s) {
    Ciphertext a = s.ciphertext;
    s.evaluator.rescale_inplace(a);
    return a;
  });
}
void multiply_plain(benchmark::State& state) {
  run(state, [](Setting& s) {
    Ciphertext a = s.ciphertext;
    s.evaluator.mul_plain_inplace(a, s.plaintext);
    return a;
  });
}
void write_keys(benchmark::State& state) {
  run(state, [](Setting& s) { return write_evaluation_keys_file(s.keys); });
}
void read_keys(benchmark::State& state) {
  const Bytes file = write_evaluation_keys_file(setting(state.range(0)).keys);
  run(state, [&](Setting&) { return read_evaluation_keys_file(file); });
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(file.size()));
}

// log N, threads.
void settings(benchmark::internal::Benchmark* b) {
  b->ArgNames({"logN", "threads"})->Args({13, 1})->Args({13, 2})->Args({16, 1})->Args({16, 2});
  b->UseRealTime()->Unit(benchmark::kMicrosecond);
}

BENCHMARK(encode)->Apply(settings);
BENCHMARK(decode)->Apply(settings);
BENCHMARK(encrypt_secret_key)->Apply(settings);
BENCHMARK(rotate)->Apply(settings);
BENCHMARK(rotate_hoisted)->Apply(settings);
BENCHMARK(square_relinearise)->Apply(settings);
BENCHMARK(rescale)->Apply(settings);
BENCHMARK(multiply_plain)->Apply(settings);
BENCHMARK(write_keys)->Apply(settings);
BENCHMARK(read_keys)->Apply(settings);

}  // namespace

BENCHMARK_MAIN();
