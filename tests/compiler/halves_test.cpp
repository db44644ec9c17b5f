// What the two halves compute is tested in tests/runtime/parts_test.cpp, where programs can run.
#include "blindsight/compiler/halves.h"

#include <gtest/gtest.h>

#include "blindsight/base/error.h"
#include "blindsight/compiler/compile.h"
#include "hand_made.h"
#include "parts_network.h"

namespace blindsight::compiler {
namespace {

std::size_t squares(const Program& program) {
  std::size_t count = 0;
  for (const Op& op : program.ops) count += op.kind == OpKind::kSquare ? 1 : 0;
  return count;
}

TEST(Halves, AreSoundProgramsThatFitTogether) {
  const Program whole = compile(test::parts_network(4)).program;
  const Halves halves = halve(whole, 0.25);
  EXPECT_NO_THROW(validate(halves.body));
  EXPECT_NO_THROW(validate(halves.head));
  EXPECT_EQ(halves.body.ops.size() + halves.head.ops.size(), whole.ops.size());
  EXPECT_EQ(squares(halves.body), 1u);
  EXPECT_EQ(squares(halves.head), 1u);
  EXPECT_EQ(halves.head.ops.front().kind, OpKind::kSquare);
  EXPECT_EQ(halves.body.output_elements, halves.head.input_elements);
  EXPECT_EQ(halves.body.input, whole.input);
  EXPECT_EQ(halves.head.output, whole.output);
}

TEST(Halves, NeedNoKeyThatTheWholeDoesNot) {
  const Program whole = compile(test::parts_network(4)).program;
  const Halves halves = halve(whole, 0.25);
  ckks::SecretKey secret(ckks::Context::create(whole.parameters));
  const auto keys = ckks::make_evaluation_keys(secret, whole.keys);
  EXPECT_NO_THROW(ckks::require_keys(keys, halves.body.keys));
  EXPECT_NO_THROW(ckks::require_keys(keys, halves.head.keys));
}

TEST(Halves, RefuseWhatCannotBeCutThere) {
  // Its last map reads a value beside the squares.
  EXPECT_THROW(halve(test::hand_made_program(), 0.5), InvalidArgument);
  const Program linear = compile(test::perceptron(1, {8, 3})).program;
  EXPECT_THROW(halve(linear, 0.5), InvalidArgument);
  const Program whole = compile(test::parts_network(2)).program;
  for (const double share : {0.0, -1.0, 1.5, std::nan("")}) EXPECT_THROW(halve(whole, share), InvalidArgument);
}

}  // namespace
}  // namespace blindsight::compiler
