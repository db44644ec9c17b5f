#include "blindsight/compiler/digits.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "blindsight/ckks/serialise.h"
#include "blindsight/compiler/compile.h"
#include "small_networks.h"

namespace blindsight::compiler {
namespace {

/// A program whose levels all use every special prime.
const Program& uniform(bool ring_switching = false) {
  static std::map<bool, Program> made;
  const auto [entry, fresh] = made.try_emplace(ring_switching);
  Program& program = entry->second;
  if (fresh) {
    program = compile(test::perceptron(3, {200, 100, 60, 60, 40, 10}),
                      {.precision = 1e-3, .input_bound = 0.5, .log_n = 15, .ring_switching = ring_switching})
                  .program;
    program.parameters.special_limbs.clear();
    program.keys = required_keys(program);
  }
  return program;
}

std::size_t key_bytes(const Program& program) {
  return ckks::evaluation_key_bytes(*ckks::Context::create(program.parameters), program.keys);
}

TEST(Digits, KeepToTheKeyBudget) {
  const Program before = uniform();
  const std::size_t bytes = key_bytes(before);
  Program free = before;
  choose_digits(free, 100 * bytes, true);
  ASSERT_FALSE(free.parameters.special_limbs.empty());
  EXPECT_GT(key_bytes(free), bytes);
  for (const std::size_t budget : {std::size_t{0}, bytes, (bytes + key_bytes(free)) / 2}) {
    Program kept = before;
    choose_digits(kept, budget, true);
    EXPECT_LE(key_bytes(kept), std::max(budget, bytes)) << budget;
  }
}

TEST(Digits, KeysOfSmallerRingsCount) {
  const Program before = uniform(true);
  ASSERT_FALSE(before.parameters.smaller.empty());
  Program kept = before;
  choose_digits(kept, key_bytes(before), true);
  EXPECT_LE(key_bytes(kept), key_bytes(before));
}

TEST(Digits, AreThoseOfUsedPrimes) {
  Program program = uniform();
  choose_digits(program, 100 * key_bytes(program), true);
  const ckks::ParametersLiteral& parameters = program.parameters;
  ASSERT_EQ(parameters.special_limbs.size(), parameters.q.size());
  EXPECT_EQ(*std::max_element(parameters.special_limbs.begin(), parameters.special_limbs.end()), parameters.p.size());
  Program again = program;
  choose_digits(again, 100 * key_bytes(program), true);
  EXPECT_EQ(again.parameters.special_limbs, parameters.special_limbs);
}

TEST(Digits, StayAsTheyAreWhereOneWouldBeWiderThanItsPrimes) {
  Program program = uniform();
  auto p_bits = std::vector<unsigned>(program.parameters.p.size(), 40);
  program.parameters =
      ckks::ParametersLiteral::from_bits(15, std::vector<unsigned>(program.parameters.q.size(), 50), p_bits);
  const auto p = program.parameters.p;
  choose_digits(program, std::size_t{1} << 40, true);
  EXPECT_TRUE(program.parameters.special_limbs.empty());
  EXPECT_EQ(program.parameters.p, p);
}

}  // namespace
}  // namespace blindsight::compiler
