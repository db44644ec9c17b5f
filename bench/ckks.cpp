// The operations of the scheme, with the parameters of the digit networks (N = 2^13) and of deep ones (N = 2^16, 24
// ciphertext and 7 or 10 key-switching primes of 50 bits: four or three digits).
#include <benchmark/benchmark.h>

#include <cstdint>
#include <map>
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

Setting& setting(std::int64_t log_n, std::int64_t specials) {
  static std::map<std::int64_t, Setting> made;
  const auto found = made.find(specials);
  if (found != made.end()) return found->second;
  if (log_n == 13)
    return made.try_emplace(specials, ParametersLiteral::from_bits(13, {34, 50, 47, 33}, {50})).first->second;
  return made
      .try_emplace(specials,
                   ParametersLiteral::from_bits(16, std::vector<unsigned>(24, 50),
                                                std::vector<unsigned>(static_cast<std::size_t>(specials), 50)))
      .first->second;
}
Setting& setting(const benchmark::State& state) { return setting(state.range(0), state.range(1)); }

template <typename F>
void run(benchmark::State& state, F&& f) {
  const ThreadLimit limit(static_cast<int>(state.range(2)));
  Setting& s = setting(state);
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
  const Hoisted hoisted = setting(state).evaluator.hoist(setting(state).ciphertext);
  run(state, [&](Setting& s) { return s.evaluator.rotate(hoisted, 1, s.keys); });
}
void rotate_extended(benchmark::State& state) {
  const Hoisted hoisted = setting(state).evaluator.hoist(setting(state).ciphertext);
  run(state, [&](Setting& s) { return s.evaluator.rotate_extended(hoisted, 1, s.keys); });
}
void add_rotated(benchmark::State& state) {
  ExtendedCiphertext x = setting(state).evaluator.extend(setting(state).ciphertext);
  ExtendedCiphertext sum = x;
  run(state, [&](Setting& s) {
    s.evaluator.add_rotated(sum, x, 1, s.keys);
    return sum.level;
  });
}
void mod_up(benchmark::State& state) {
  run(state, [](Setting& s) { return s.evaluator.hoist(s.ciphertext); });
}
void mod_down(benchmark::State& state) {
  const ExtendedCiphertext x = setting(state).evaluator.extend(setting(state).ciphertext);
  run(state, [&](Setting& s) { return s.evaluator.mod_down(x); });
}
void relinearise(benchmark::State& state) {
  const Ciphertext squared = setting(state).evaluator.square(setting(state).ciphertext);
  run(state, [&](Setting& s) {
    Ciphertext a = squared;
    s.evaluator.relinearise_inplace(a, s.keys);
    return a;
  });
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
void make_rotation_key(benchmark::State& state) {
  KeyRequest request;
  const ParametersLiteral& literal = setting(state).context->literal();
  request.want_rotation(literal, 1, static_cast<unsigned>(literal.q.size()) - 1);
  run(state, [&](Setting& s) { return make_evaluation_keys(s.secret, request); });
}
void write_keys(benchmark::State& state) {
  run(state, [](Setting& s) { return write_evaluation_keys_file(s.keys); });
}
void read_keys(benchmark::State& state) {
  const Bytes file = write_evaluation_keys_file(setting(state).keys);
  run(state, [&](Setting&) { return read_evaluation_keys_file(file); });
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(file.size()));
}

// log N, key-switching primes, threads.
void settings(benchmark::internal::Benchmark* b) {
  b->ArgNames({"logN", "special", "threads"});
  for (const std::int64_t threads : {1, 2}) {
    b->Args({13, 1, threads})->Args({16, 7, threads})->Args({16, 10, threads});
  }
  b->UseRealTime()->Unit(benchmark::kMicrosecond);
}

BENCHMARK(encode)->Apply(settings);
BENCHMARK(decode)->Apply(settings);
BENCHMARK(encrypt_secret_key)->Apply(settings);
BENCHMARK(rotate)->Apply(settings);
BENCHMARK(rotate_hoisted)->Apply(settings);
BENCHMARK(rotate_extended)->Apply(settings);
BENCHMARK(add_rotated)->Apply(settings);
BENCHMARK(mod_up)->Apply(settings);
BENCHMARK(mod_down)->Apply(settings);
BENCHMARK(relinearise)->Apply(settings);
BENCHMARK(square_relinearise)->Apply(settings);
BENCHMARK(rescale)->Apply(settings);
BENCHMARK(multiply_plain)->Apply(settings);
BENCHMARK(make_rotation_key)->Apply(settings);
BENCHMARK(write_keys)->Apply(settings);
BENCHMARK(read_keys)->Apply(settings);

}  // namespace

BENCHMARK_MAIN();
