// The cost model counts what the kernels really do, and the floor lies below what a run takes.
#include <gtest/gtest.h>

#include <chrono>

#include "blindsight/base/parallel.h"
#include "blindsight/compiler/cost.h"
#include "blindsight/compiler/floor.h"
#include "blindsight/runtime/client.h"
#include "blindsight/runtime/executor.h"
#include "counting_kernels.h"
#include "hand_made.h"

namespace blindsight::runtime {
namespace {

using ring::test::counts;

struct Prepared {
  explicit Prepared(compiler::Program made, std::size_t budget, ckks::KeyForm form)
      : program(std::make_shared<const compiler::Program>(std::move(made))),
        client(compiler::make_manifest(*program, "")),
        secret(client.context()),
        keys(ckks::make_evaluation_keys(secret, client.manifest().keys, form)) {
    compiler::MemoryPlan memory = compiler::plan_memory(*program, *client.context(), budget);
    memory.key_form = form;
    executor = std::make_unique<const Executor>(client.context(), program, std::move(memory));
  }
  std::vector<ckks::Ciphertext> input() const {
    return expand(*client.context(), client.encrypt(secret, test::uniform(1, program->input_elements)));
  }
  compiler::Work work() const {
    compiler::Work sum;
    for (const auto& phases : compiler::work_of(*program, *client.context(), executor->memory())) {
      sum += compiler::total(phases);
    }
    return sum;
  }

  /// Of all transforms of weights.
  std::size_t weight_words() const {
    std::size_t bytes = 0;
    for (const compiler::Op& op : program->ops) {
      if (op.kind != compiler::OpKind::kLinearMap) continue;
      const compiler::Map& map = program->maps[op.operand];
      bytes += ckks::LinearMap::encoded_bytes(*client.context()->in_ring(op.ring), map.plan, map.diagonals, op.level);
    }
    return bytes / sizeof(std::uint64_t);
  }

  std::shared_ptr<const compiler::Program> program;
  Client client;
  ckks::SecretKey secret;
  ckks::EvaluationKeys keys;
  std::unique_ptr<const Executor> executor;
};

/// One digit a limb, or two limbs a digit with a part of one left over.
compiler::Program program_of(unsigned special_limbs, bool paired) {
  compiler::Program program = paired ? test::paired_program() : test::hand_made_program();
  if (special_limbs == 1) return program;
  auto literal = ckks::ParametersLiteral::from_bits(13, {42, 40, 40}, {45, 45});
  literal.q = program.parameters.q;
  program.parameters = literal;
  program.keys = compiler::required_keys(program);
  return program;
}

struct Case {
  const char* name;
  unsigned special_limbs;
  std::size_t budget;  ///< 0: all weights kept; 1: none
  ckks::KeyForm form;
  bool paired = false;
};

class CountedWork : public testing::TestWithParam<Case> {};

TEST_P(CountedWork, IsWhatTheKernelsDo) {
  const Case& c = GetParam();
  const Prepared prepared(program_of(c.special_limbs, c.paired), c.budget, c.form);
  auto input = prepared.input();
  prepared.executor->run(input, prepared.keys);  // whatever is made once
  const ring::KernelsForTest counting(ring::test::counting_kernels());
  counts.reset();
  prepared.executor->run(std::move(input), prepared.keys);
  const compiler::Work work = prepared.work();
  EXPECT_GT(work.butterflies, 0);
  EXPECT_EQ(work.butterflies, static_cast<double>(counts.butterflies));
  EXPECT_EQ(work.key_products, static_cast<double>(counts.pair_products));
  EXPECT_EQ(work.weight_products, static_cast<double>(counts.weight_products));
  EXPECT_EQ(work.sums, static_cast<double>(counts.sums));
  EXPECT_EQ(work.conversions, static_cast<double>(counts.conversions));
  EXPECT_EQ(work.packed, static_cast<double>(counts.packed));
  EXPECT_EQ(work.weight_words, static_cast<double>(counts.weight_words));
  if (c.budget == 0) {
    EXPECT_EQ(work.passes, static_cast<double>(counts.passes));
  } else {
    // Weights are transformed as integers, or, where they have more than 32 bits, reduced first.
    const double passes = work.passes + static_cast<double>(prepared.weight_words());
    EXPECT_NEAR(passes, static_cast<double>(counts.passes + counts.integers), 0.02 * work.passes);
  }
  if (c.form == ckks::KeyForm::kPacked) {
    EXPECT_EQ(work.key_words, 0);
    EXPECT_EQ(work.unpacked, work.drawn);
    // Words that are not below their prime are drawn again.
    EXPECT_GE(static_cast<double>(counts.unpacked), work.unpacked + work.drawn);
    EXPECT_NEAR(static_cast<double>(counts.unpacked), work.unpacked + work.drawn, 0.1 * work.drawn);
  } else {
    EXPECT_EQ(work.key_words, work.key_products);
    EXPECT_EQ(counts.unpacked, 0u);
  }
}

INSTANTIATE_TEST_SUITE_P(All, CountedWork,
                         testing::Values(Case{"KeptExpanded", 1, 0, ckks::KeyForm::kExpanded},
                                         Case{"KeptPacked", 1, 0, ckks::KeyForm::kPacked},
                                         Case{"OnTheFly", 1, 1, ckks::KeyForm::kExpanded},
                                         Case{"TwoLimbsADigit", 2, 0, ckks::KeyForm::kExpanded},
                                         Case{"TwoLimbsADigitOnTheFly", 2, 1, ckks::KeyForm::kPacked},
                                         Case{"InPairs", 1, 0, ckks::KeyForm::kExpanded, true},
                                         Case{"InPairsOnTheFly", 2, 1, ckks::KeyForm::kPacked, true}),
                         [](const auto& info) { return std::string(info.param.name); });

TEST(Floor, IsBelowWhatARunTakes) {
  const Prepared prepared(test::hand_made_program(), 0, ckks::KeyForm::kExpanded);
  const ckks::Context& context = *prepared.client.context();
  const compiler::Rates& rates = compiler::measured_rates(context, 1);
  const compiler::Floor floor = compiler::floor_of(*prepared.program, context, prepared.executor->memory(), rates);
  EXPECT_GT(floor.compute_ms, 0);
  EXPECT_GT(floor.bytes, 0);
  const ThreadLimit one(1);
  const auto input = prepared.input();
  const auto start = std::chrono::steady_clock::now();
  prepared.executor->run(input, prepared.keys);
  const double ms = std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
  EXPECT_LT(floor.ms(), ms);
  EXPECT_GT(compiler::predicted_latency_ms(*prepared.program, context, prepared.executor->memory(), rates), floor.ms());
}

TEST(Floor, GrowsWithTheWorkAndShrinksWithTheThreads) {
  compiler::Rates rates;
  rates.multiply_add = 1;
  rates.memory_byte = 1;
  const compiler::Work products{.key_products = 1e6};
  EXPECT_DOUBLE_EQ(compiler::floor_of(products, rates, 50).ms(), 1);
  EXPECT_DOUBLE_EQ(compiler::floor_of(2 * products, rates, 50).ms(), 2);
  rates.threads = 4;
  EXPECT_DOUBLE_EQ(compiler::floor_of(products, rates, 50).ms(), 0.25);
  const compiler::Work keys{.key_words = 1e12};
  EXPECT_GT(compiler::floor_of(keys, rates, 50).memory_ms, 0);
  EXPECT_EQ(compiler::floor_of(compiler::Work{.key_words = 1}, rates, 50).memory_ms, 0);  // a cache holds it
}

TEST(Phase, IsSharedOutInWholeTasks) {
  EXPECT_EQ((compiler::Phase{{}, 5}).share(1), 1);
  EXPECT_EQ((compiler::Phase{{}, 5}).share(2), 0.6);
  EXPECT_EQ((compiler::Phase{{}, 5}).share(8), 0.2);
  EXPECT_EQ((compiler::Phase{{}, 1}).share(8), 1);
}

}  // namespace
}  // namespace blindsight::runtime
