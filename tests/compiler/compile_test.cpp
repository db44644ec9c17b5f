#include "blindsight/compiler/compile.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>
#include <numeric>
#include <sstream>
#include <string>

#include "blindsight/base/error.h"
#include "blindsight/ckks/serialise.h"
#include "blindsight/compiler/cost.h"
#include "blindsight/compiler/memory.h"
#include "blindsight/compiler/parameter_search.h"
#include "random_graph.h"
#include "small_networks.h"

namespace blindsight::compiler {
namespace {

using nn::testing::GraphBuilder;

/// What compile() says when it refuses.
template <typename Refusal = UnsupportedModel>
std::string refusal(const nn::QuadraticNetwork& network, const Options& options = {}) {
  try {
    compile(network, options);
  } catch (const Refusal& error) {
    return error.what();
  }
  ADD_FAILURE() << "not refused";
  return "";
}

void expect_names(const std::string& text, const std::vector<std::string>& parts) {
  for (const std::string& part : parts) EXPECT_NE(text.find(part), std::string::npos) << part << " in: " << text;
}

nn::QuadraticNetwork small_cnn() {
  return nn::to_network(GraphBuilder(6, {3, 9, 10})
                            .conv({.channels = 6, .strides = {2, 2}, .pads = {1, 1, 1, 1}})
                            .quadratic()
                            .conv({.channels = 6, .pads = {1, 1, 1, 1}})
                            .square()
                            .global_pool()
                            .dense(10)
                            .build());
}

TEST(Compile, MeetsItsPrecisionWithinTheTable) {
  unsigned last = 0;  // more precision needs no smaller ring
  for (const double precision : {1e-1, 1e-5}) {
    const Compiled compiled = compile(small_cnn(), {.precision = precision, .input_bound = 1});
    const Report& report = compiled.report;
    EXPECT_LE(report.predicted_logit_error, precision);
    EXPECT_LE(report.log_q + report.log_p, report.log_qp_limit);
    EXPECT_EQ(report.log_qp_limit, ckks::max_log_qp(report.log_n));
    EXPECT_GE(report.log_n, last);
    last = report.log_n;
    EXPECT_EQ(report.depth, 3u);
    EXPECT_EQ(report.q_bits.size(), 4u);
    EXPECT_EQ(report.layers.size(), 3u);
    EXPECT_NO_THROW(validate(compiled.program));
    EXPECT_EQ(compiled.program.keys, required_keys(compiled.program));
    EXPECT_EQ(report.rotation_keys, compiled.program.keys.rotations.size());
    EXPECT_EQ(report.key_switches, count_key_switches(compiled.program));
    const auto context = ckks::Context::create(compiled.program.parameters);
    EXPECT_EQ(report.evaluation_key_bytes, ckks::evaluation_key_bytes(*context, compiled.program.keys));
    EXPECT_EQ(report.memory_bytes, plan_memory(compiled.program, *context, 0).total());
  }
}

TEST(Compile, TakesTheRingAskedFor) {
  const auto network = test::perceptron(5, {8, 4, 2});
  EXPECT_EQ(compile(network, {.input_bound = 1, .log_n = 15}).report.log_n, 15u);
}

/// One word a layer: every map is rescaled by one prime, whatever branches there are.
TEST(Compile, AWordALayer) {
  for (std::uint64_t seed = 0; seed < 5; ++seed) {
    const auto network = nn::to_network(nn::testing::random_graph(seed, {.max_elements = 128}));
    const Program program = compile(network, {.input_bound = 1}).program;
    EXPECT_EQ(program.input_level, network.depth());
    EXPECT_EQ(program.parameters.q.size(), network.depth() + 1);
    EXPECT_EQ(program.maps.size(), network.stages.size());
    EXPECT_EQ(program.ops.back().level, 0u);
  }
}

TEST(Compile, ReportAndProgramPrint) {
  const Compiled compiled = compile(small_cnn(), {.input_bound = 1});
  std::ostringstream text;
  text << compiled.report << compiled.program;
  expect_names(text.str(), {"128 bits", "linear_map", "square", "Conv1"});
}

TEST(Compile, IsDeterministic) {
  for (std::uint64_t seed = 0; seed < 2; ++seed) {
    const auto network = nn::to_network(nn::testing::random_graph(seed, {.max_elements = 128}));
    std::ostringstream a, b;
    a << compile(network).program;
    b << compile(network).program;
    EXPECT_EQ(a.str(), b.str());
  }
}

TEST(Compile, RefusesWhatIsTooDeepWithDepthFoundAndAvailable) {
  const auto deep = test::perceptron(3, std::vector<std::int64_t>(102, 2));
  expect_names(refusal(deep), {"needs 101 words", "N=2^16 has room for", "use fewer layers"});
  const auto five = test::perceptron(3, {4, 4, 4, 4, 4, 4});
  const std::string text = refusal(five, {.log_n = 12});
  expect_names(text, {"needs 5 words", "N=2^12"});
}

TEST(Compile, RefusesAPrecisionOutOfReach) {
  const auto network = test::perceptron(3, {8, 8, 8, 8, 4});
  expect_names(refusal(network, {.precision = 1e-9, .log_n = 13}), {"4 words", "N=2^13", "1e-09", "lower precision"});
  expect_names(refusal(network, {.precision = 1e-60}), {"N=2^16", "1e-60"});
}

TEST(Compile, RefusesWhatIsTooWide) {
  const auto wide = test::perceptron(4, {1, 100'000});
  expect_names(refusal(wide, {.log_n = 13}), {"layer", "2^12 slots"});
}

TEST(Compile, KeepsToTheNumberOfRotationKeysOrRefuses) {
  const auto network = small_cnn();
  const std::size_t unbounded = compile(network, {.input_bound = 1}).report.rotation_keys;
  ASSERT_GT(unbounded, 8u);
  const Compiled bounded = compile(network, {.input_bound = 1, .max_rotation_keys = unbounded - 1});
  EXPECT_LE(bounded.program.keys.rotations.size(), unbounded - 1);
  expect_names(refusal(network, {.input_bound = 1, .log_n = 13, .max_rotation_keys = 2}),
               {"rotation keys", "more than the 2"});
}

TEST(Compile, RefusesMalformedNetworks) {
  const auto good = test::perceptron(5, {8, 4, 2});
  using Break = std::function<void(nn::QuadraticNetwork&)>;
  const std::vector<std::pair<const char*, Break>> mistakes = {
      {"malformed", [](auto& n) { n.stages[0].bias.pop_back(); }},
      {"malformed", [](auto& n) { n.stages[0].terms[0].value = 1; }},
      {"malformed", [](auto& n) { n.stages[1].terms[0].matrix.cols = 5; }},
      {"malformed", [](auto& n) { n.stages[1].terms[0].matrix.row_begin.pop_back(); }},
      {"malformed", [](auto& n) { n.stages[1].terms[0].matrix.value.pop_back(); }},
      {"malformed", [](auto& n) { n.stages[1].terms[0].matrix.col[3] = 4; }},
      {"malformed", [](auto& n) { n.stages[1].terms[0].matrix.row_begin[1] = 100; }},
      {"malformed", [](auto& n) { n.stages[1].terms[0].matrix.row_begin[0] = 1; }},
      {"malformed",
       [](auto& n) {
         n.input_shape = {1, 1, 9};
       }},
      {"malformed", [](auto& n) { n.stages[0].shape = {5}; }},
  };
  for (std::size_t i = 0; i < mistakes.size(); ++i) {
    SCOPED_TRACE(i);
    nn::QuadraticNetwork network = good;
    mistakes[i].second(network);
    expect_names(refusal<InvalidArgument>(network), {mistakes[i].first, "layer"});
  }
  const std::vector<std::pair<const char*, Break>> unsupported = {
      {"not finite", [](auto& n) { n.stages[1].bias[0] = std::numeric_limits<double>::infinity(); }},
      {"not finite", [](auto& n) { n.stages[1].terms[0].matrix.value[2] = std::numeric_limits<double>::quiet_NaN(); }},
      {"doesn't depend on the input", [](auto& n) { n.stages[1].terms.clear(); }},
      {"no layer", [](auto& n) { n.stages.clear(); }},
      {"overflow",
       [](auto& n) {
         for (double& w : n.stages[0].terms[0].matrix.value) w = 1e200;
       }},
  };
  for (const auto& [reason, change] : unsupported) {
    nn::QuadraticNetwork network = good;
    change(network);
    expect_names(refusal(network), {reason});
  }
}

TEST(Compile, RefusesBadOptions) {
  const auto network = test::perceptron(5, {8, 4, 2});
  EXPECT_THROW(compile(network, {.precision = 0}), InvalidArgument);
  EXPECT_THROW(compile(network, {.precision = std::nan("")}), InvalidArgument);
  EXPECT_THROW(compile(network, {.calibration = {{1, 2, 3}}}), InvalidArgument);
  EXPECT_THROW(compile(network, {.input_bound = -1}), InvalidArgument);
  EXPECT_THROW(compile(network, {.log_n = 11}), InvalidArgument);
  EXPECT_THROW(compile(network, {.log_n = 17}), InvalidArgument);
}

/// Values larger than those of the calibration need wider words.
TEST(Compile, RoomForTheValuesSeen) {
  const auto network = test::perceptron(8, {8, 8, 4});
  std::vector<double> small(8, 0.5), large(8, 500);
  const Report tight = compile(network, {.calibration = {small}, .log_n = 13}).report;
  const Report wide = compile(network, {.precision = 1e3, .calibration = {large}, .log_n = 13}).report;
  EXPECT_GT(wide.predicted_logit_error, 100 * tight.predicted_logit_error);
}

/// Widths of a ring's primes: the first so many.
unsigned first_bits(const std::vector<unsigned>& bits, std::size_t count) {
  return std::accumulate(bits.begin(), bits.begin() + static_cast<std::ptrdiff_t>(count), 0U);
}

TEST(ParameterSearch, KeepsToTheSecurityTableAtEveryDepthInEveryRing) {
  std::size_t smaller_rings = 0;
  for (const unsigned log_n : {13U, 14U, 15U, 16U}) {
    for (unsigned depth = 1; may_fit(log_n, depth) && depth <= 20; depth += 4) {
      const auto network = test::perceptron(1, std::vector<std::int64_t>(depth + 1, 4));
      const auto values = measure(network, random_inputs(network, 0.5, 4));
      for (const std::size_t most : {0U, 4U}) {
        const RingChoice rings = choose_rings(log_n, std::vector<unsigned>(depth + 1, 2), most);
        EXPECT_LE(rings.smaller.size(), most);
        smaller_rings += rings.smaller.size();
        const auto choice = search_parameters(log_n, least_errors(network, values), rings, 1e-2);
        if (!choice) continue;
        const ScalePlan& scales = choice->scales;
        EXPECT_EQ(scales.q_bits.size(), depth + 1);
        EXPECT_EQ(scales.p_bits.size(), rings.special_limbs);
        EXPECT_LE(first_bits(scales.q_bits, depth + 1) + first_bits(scales.p_bits, rings.special_limbs),
                  ckks::max_log_qp(log_n));
        for (std::size_t r = 0; r < rings.smaller.size(); ++r) {
          const ckks::SmallerRing& ring = rings.smaller[r];
          EXPECT_LE(first_bits(scales.q_bits, ring.level + 1) + first_bits(scales.p_bits, ring.special_limbs),
                    ckks::max_log_qp(log_n - static_cast<unsigned>(r) - 1));
        }
        auto literal = ckks::ParametersLiteral::from_bits(log_n, scales.q_bits, scales.p_bits);
        literal.smaller = rings.smaller;
        EXPECT_NO_THROW(ckks::Context::create(literal));
        EXPECT_EQ(choice->error, predicted_error(log_n, scales, least_errors(network, values)));
      }
    }
  }
  EXPECT_GT(smaller_rings, 10u);
}

TEST(ChooseRings, LeavesNoTensorWithoutSlots) {
  std::vector<unsigned> needed(21, 14);
  EXPECT_EQ(choose_rings(16, needed, 4).smaller.size(), 1u);  // 2^15 has 2^14 slots
  std::fill(needed.begin() + 1, needed.begin() + 4, 12U);
  const auto shrinking = choose_rings(16, needed, 4).smaller;
  ASSERT_EQ(shrinking.size(), 3u);
  EXPECT_GT(shrinking[0].level, 3u);
  EXPECT_LE(shrinking[1].level, 3u);
  std::fill(needed.begin(), needed.end(), 15U);
  EXPECT_TRUE(choose_rings(16, needed, 4).smaller.empty());
}

TEST(Compile, ShrinksTheRingWhereThatIsCheaper) {
  const auto network = test::perceptron(3, {200, 100, 60, 60, 40, 10});
  const Compiled compiled = compile(network, {.precision = 0.1, .input_bound = 0.5, .log_n = 15});
  const Program& program = compiled.program;
  ASSERT_FALSE(program.parameters.smaller.empty());
  ASSERT_EQ(compiled.report.smaller.size(), program.parameters.smaller.size());
  EXPECT_EQ(program.output_ring, program.parameters.smaller.size());
  for (const Op& op : program.ops) {
    if (op.kind != OpKind::kLinearMap) continue;
    EXPECT_EQ(op.ring, ring_of(program.parameters.smaller, op.level));
  }
  for (const Report::Ring& ring : compiled.report.smaller) EXPECT_LE(ring.log_qp, ring.log_qp_limit);

  const Compiled whole = compile(network, {.precision = 0.1, .input_bound = 0.5, .log_n = 15, .ring_switching = false});
  EXPECT_TRUE(whole.program.parameters.smaller.empty());
  EXPECT_LT(compiled.report.predicted_latency_ms, whole.report.predicted_latency_ms);
  EXPECT_LT(compiled.report.evaluation_key_bytes, whole.report.evaluation_key_bytes);

  Program broken = program;
  for (Op& op : broken.ops) op.ring = 0;
  EXPECT_THROW(validate(broken), InvalidArgument);
  broken = program;
  broken.parameters.smaller.pop_back();
  EXPECT_THROW(validate(broken), InvalidArgument);
}

}  // namespace
}  // namespace blindsight::compiler
