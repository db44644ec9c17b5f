#include "blindsight/compiler/compile.h"

#include <gtest/gtest.h>

#include <cmath>
#include <sstream>

#include "blindsight/base/error.h"
#include "blindsight/compiler/slots.h"
#include "random_chain.h"

namespace blindsight::compiler {
namespace {

TEST(Compile, SmallChainMeetsItsPrecisionWithinTheTable) {
  const auto chain = test::random_chain(1, {32, 16, 10});
  const Compiled compiled = compile(chain, {.precision = 1e-2, .input_bound = 1});
  EXPECT_LE(compiled.report.predicted_logit_error, 1e-2);
  EXPECT_LE(compiled.report.log_q + compiled.report.log_p, compiled.report.log_qp_limit);
  EXPECT_EQ(compiled.report.depth, 2u);
  EXPECT_NO_THROW(validate(compiled.program));
  std::ostringstream text;
  text << compiled.report << compiled.program;
  EXPECT_NE(text.str().find("128 bits"), std::string::npos);
  EXPECT_NE(text.str().find("linear_transform"), std::string::npos);
}

TEST(Compile, IsDeterministic) {
  const auto chain = test::random_chain(2, {20, 12, 4});
  std::ostringstream a, b;
  a << compile(chain).program;
  b << compile(chain).program;
  EXPECT_EQ(a.str(), b.str());
}

TEST(Compile, RefusesWhatIsTooDeepWithDepthFoundAndAvailable) {
  std::vector<std::size_t> widths(102, 2);
  try {
    compile(test::random_chain(3, widths));
    FAIL();
  } catch (const UnsupportedModel& error) {
    EXPECT_NE(std::string(error.what()).find("needs 101 words"), std::string::npos) << error.what();
    EXPECT_NE(std::string(error.what()).find("has room for"), std::string::npos) << error.what();
  }
}

TEST(Compile, RefusesWhatIsTooWide) {
  try {
    compile(test::random_chain(4, {5000, 10}, 0.9), {.log_n = 13});
    FAIL();
  } catch (const UnsupportedModel& error) {
    EXPECT_NE(std::string(error.what()).find("5000"), std::string::npos) << error.what();
  }
}

TEST(Compile, RefusesBadOptions) {
  const auto chain = test::random_chain(5, {8, 4, 2});
  EXPECT_THROW(compile(chain, {.precision = 0}), InvalidArgument);
  EXPECT_THROW(compile(chain, {.ranges = {1}}), InvalidArgument);
  EXPECT_THROW(compile(chain, {.ranges = {1, -1}}), InvalidArgument);
  EXPECT_THROW(compile(chain, {.log_n = 17}), InvalidArgument);
}

TEST(Validate, RefusesProgramsThatDoNotHoldTogether) {
  const Program good = compile(test::random_chain(6, {8, 4, 2})).program;
  const auto broken = [&](auto change) {
    Program program = good;
    change(program);
    EXPECT_THROW(validate(program), InvalidArgument);
  };
  broken([](Program& p) { p.ops[0].level += 1; });
  broken([](Program& p) { p.ops[0].scale *= 1.001; });
  broken([](Program& p) { p.ops[0].operand = 99; });
  broken([](Program& p) { p.ops[1].input = 7; });
  broken([](Program& p) { p.ops[1].output = 0; });
  broken([](Program& p) { p.input_level = 9; });
  broken([](Program& p) { p.transforms[0].diagonals[0].pop_back(); });
  broken([](Program& p) { p.transforms[0].diagonals[0][3] = std::nan(""); });
  broken([](Program& p) { p.transforms[0].plan.terms[0].diagonal = 1000; });
  broken([](Program& p) { p.output.element.assign(p.slots(), kAnything); });
}

}  // namespace
}  // namespace blindsight::compiler
