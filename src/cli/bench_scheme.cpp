// The operations of the scheme, with the parameters of the digit networks and of deep ones.
#include <fmt/format.h>

#include <algorithm>
#include <random>

#include "blindsight/base/parallel.h"
#include "blindsight/ckks/encoder.h"
#include "blindsight/ckks/encryptor.h"
#include "blindsight/ckks/evaluator.h"
#include "blindsight/ckks/linear_map.h"
#include "blindsight/cli/bench.h"
#include "blindsight/compiler/floor.h"

namespace blindsight::cli {
namespace {

using compiler::Phases;

constexpr double kScale = 1 << 30;
constexpr int kBabies = 9, kGiants = 4;

struct Setting {
  unsigned log_n;
  std::vector<unsigned> q_bits, p_bits;
  ckks::KeyForm keys;
};

/// 36 diagonals that repeat four times, as nine baby and four giant steps.
compiler::Map linear_map(std::size_t slots) {
  compiler::Map map;
  map.weight_scale = {1 << 20};
  std::mt19937_64 random(1);
  std::uniform_real_distribution<double> uniform(-1, 1);
  std::vector<double> values(slots / 4);
  for (int giant = 0; giant < kGiants; ++giant) {
    for (int baby = 0; baby < kBabies; ++baby) {
      map.plan.terms.push_back({0, 0, baby, 64 * giant, static_cast<std::uint32_t>(map.diagonals.size())});
      for (double& v : values) v = uniform(random);
      map.diagonals.emplace_back(values);
    }
  }
  return map;
}

/// A program that is this map and nothing else, for the cost model.
compiler::Program alone(const ckks::Context& context, compiler::Map map) {
  compiler::Program program;
  program.parameters = context.literal();
  program.ops = {{compiler::OpKind::kLinearMap, {0}, {1}, 0, context.max_level(), 1, ""}};
  program.maps = {std::move(map)};
  return program;
}

class SchemeBench {
 public:
  SchemeBench(Bench& bench, const Setting& setting)
      : bench_(bench),
        prefix_(fmt::format("ckks/2^{}/", setting.log_n)),
        context_(
            ckks::Context::create(ckks::ParametersLiteral::from_bits(setting.log_n, setting.q_bits, setting.p_bits))),
        level_(context_->max_level()),
        work_(context_->n(), level_, static_cast<unsigned>(context_->special_limbs(level_)), setting.keys),
        rates_(compiler::measured_rates(*context_, thread_count())),
        encoder_(context_),
        evaluator_(context_),
        secret_(context_),
        map_(linear_map(context_->slots())),
        form_(setting.keys) {
    request_.want_relinearisation(context_->literal(), level_);
    for (const int k : ckks::rotations_of(map_.plan, static_cast<std::uint32_t>(context_->slots())))
      request_.want_rotation(context_->literal(), k, level_);
    keys_ = ckks::make_evaluation_keys(secret_, request_, form_);
  }

  void run() {
    std::vector<double> values(context_->slots());
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<double>(i % 17) / 17;
    const auto plaintext = encoder_.encode(values, kScale, level_);
    const auto seeded = ckks::encrypt(secret_, plaintext);
    const auto x = ckks::expand(*context_, seeded);
    measure("encode", work_.encode(context_->slots()), [&] { encoder_.encode(values, kScale, level_); });
    bench_.measure(prefix_ + "encrypt", [&] { ckks::encrypt(secret_, plaintext); });
    bench_.measure(prefix_ + "decrypt", [&] { encoder_.decode(ckks::decrypt(secret_, x)); });
    bench_.measure(prefix_ + "expand", [&] { ckks::expand(*context_, seeded); });
    evaluate(x);
    apply_maps(x);
    bench_.measure(fmt::format("{}keygen-{}", prefix_, keys_.galois.size() + 1),
                   [&] { ckks::make_evaluation_keys(secret_, request_, form_); });
  }

 private:
  void measure(const std::string& name, const Phases& phases, const std::function<void()>& f) {
    bench_.measure(prefix_ + name, f, compiler::floor_of(compiler::total(phases), rates_, bits()).ms(),
                   compiler::nanoseconds(phases, rates_) * 1e-6);
  }
  double bits() const { return compiler::mean_bits(*context_); }

  void evaluate(const ckks::Ciphertext& x) {
    const auto hoisted = evaluator_.hoist(x);
    measure("rotate", work_.rotate(), [&] { evaluator_.rotate(x, 1, keys_); });
    measure("hoist", work_.decompose(), [&] { evaluator_.hoist(x); });
    measure("hoisted-rotate", work_.rotate_again(), [&] { evaluator_.rotate(hoisted, 1, keys_); });
    Phases square = work_.square();
    const Phases relinearise = work_.relinearise();
    square.insert(square.end(), relinearise.begin(), relinearise.end());
    measure("multiply-relinearise", square, [&] {
      auto product = evaluator_.multiply(x, x);
      evaluator_.relinearise_inplace(product, keys_);
    });
    bench_.measure_reported(
        prefix_ + "rescale",
        [&] {
          auto copy = x;
          Stopwatch watch;
          evaluator_.rescale_inplace(copy);
          return watch.lap_ms();
        },
        compiler::floor_of(compiler::total(work_.rescale()), rates_, bits()).ms(),
        compiler::nanoseconds(work_.rescale(), rates_) * 1e-6);
  }

  void apply_maps(const ckks::Ciphertext& x) {
    const ckks::Ciphertext* const input = &x;
    const compiler::Program program = alone(*context_, map_);
    for (const bool cached : {true, false}) {
      const std::string name = cached ? "linear-map" : "linear-map-encoding";
      if (!bench_.wants(prefix_ + name)) continue;
      const ckks::LinearMap map(encoder_, map_.plan, map_.diagonals, map_.weight_scale, level_, cached);
      compiler::MemoryPlan memory;
      memory.key_form = form_;
      memory.kept = {cached};
      measure(name, compiler::work_of(program, *context_, memory)[0], [&] {
        map.apply(evaluator_, {&input, 1}, keys_);
      });
    }
  }

  Bench& bench_;
  std::string prefix_;
  ckks::ContextPtr context_;
  unsigned level_;
  compiler::LevelWork work_;
  const compiler::Rates& rates_;
  ckks::Encoder encoder_;
  ckks::Evaluator evaluator_;
  ckks::SecretKey secret_;
  compiler::Map map_;
  ckks::KeyForm form_;
  ckks::KeyRequest request_;
  ckks::EvaluationKeys keys_;
};

}  // namespace

void bench_scheme(Bench& bench) {
  const std::vector<Setting> settings = {
      {13, {34, 50, 47, 33}, {50}, ckks::KeyForm::kExpanded},
      {16, std::vector<unsigned>(24, 50), std::vector<unsigned>(10, 50), ckks::KeyForm::kPacked}};
  const std::vector<std::string> names = {"encode",
                                          "encrypt",
                                          "decrypt",
                                          "expand",
                                          "rotate",
                                          "hoist",
                                          "hoisted-rotate",
                                          "multiply-relinearise",
                                          "rescale",
                                          "linear-map",
                                          "linear-map-encoding",
                                          "keygen-12"};
  for (const Setting& setting : settings) {
    const bool wanted = std::any_of(names.begin(), names.end(), [&](const std::string& name) {
      return bench.wants(fmt::format("ckks/2^{}/{}", setting.log_n, name));
    });
    if (wanted) SchemeBench(bench, setting).run();
  }
}

}  // namespace blindsight::cli
