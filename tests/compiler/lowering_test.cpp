// Lowered networks on clear slot vectors, without rings or keys: slots so few that tensors take several ciphertexts.
#include "blindsight/compiler/lowering.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "blindsight/base/error.h"
#include "blindsight/compiler/slots.h"
#include "hand_made.h"
#include "helical.h"
#include "random_graph.h"
#include "small_networks.h"

namespace blindsight::compiler {
namespace {

LoweringOptions options(const nn::QuadraticNetwork& network, unsigned log_slots) {
  LoweringOptions out;
  out.log_slots = log_slots;
  for (unsigned level = 0; level <= network.depth(); ++level) out.prices.emplace_back(level, 2);
  return out;
}

/// `everywhere`: every element stands somewhere. (Inputs that nothing reads need not.)
void expect_layout(const Layout& layout, const std::vector<double>& slots, const std::vector<double>& want,
                   bool everywhere) {
  ASSERT_EQ(slots.size(), layout.element.size());
  double size = 1;
  for (const double x : want) size = std::max(size, std::abs(x));
  std::vector<bool> seen(want.size(), false);
  for (std::size_t s = 0; s < slots.size(); ++s) {
    const std::int32_t e = layout.element[s];
    if (e == kAnything) continue;
    ASSERT_NEAR(slots[s], e == kZero ? 0 : want[static_cast<std::size_t>(e)], 1e-10 * size) << "slot " << s;
    if (e >= 0) seen[static_cast<std::size_t>(e)] = true;
  }
  if (everywhere) {
    EXPECT_EQ(std::count(seen.begin(), seen.end(), false), 0);
  }
}

void expect_computes(const nn::QuadraticNetwork& network, const Lowered& lowered) {
  const auto x = test::uniform(5, static_cast<std::size_t>(nn::element_count(network.input_shape)));
  auto want = nn::evaluate_stages(network, x);
  want.insert(want.begin(), x);
  const auto got = slot_values(lowered, x);
  ASSERT_EQ(got.size(), want.size());
  for (std::size_t v = 0; v < got.size(); ++v) {
    SCOPED_TRACE("value " + std::to_string(v));
    expect_layout(v == 0 ? lowered.input : lowered.stages[v - 1].output, got[v], want[v], v > 0);
  }
}

TEST(Lowering, RandomNetworksKeepTheirValues) {
  std::size_t most = 0, several = 0;
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    SCOPED_TRACE(seed);
    const nn::QuadraticNetwork network = nn::to_network(nn::testing::random_graph(seed, {.max_elements = 256}));
    const Lowered lowered = lower(network, options(network, 5 + seed % 3));
    expect_computes(network, lowered);
    if (HasFailure()) return;
    std::size_t ciphertexts = 1;
    for (const LoweredStage& stage : lowered.stages) {
      ciphertexts = std::max(ciphertexts, stage.output.element.size() >> lowered.log_period);
    }
    most = std::max(most, ciphertexts);
    several += ciphertexts > 1 ? 1 : 0;
  }
  EXPECT_GE(most, 4u);
  EXPECT_GE(several, 8u);
}

TEST(Lowering, OddSizesAndStrides) {
  for (const std::int64_t size : {5, 7, 11}) {
    for (const std::int64_t stride : {1, 2, 3}) {
      for (const unsigned log_slots : {7U, 9U}) {
        const auto network =
            nn::to_network(nn::testing::GraphBuilder(1, {3, size, size + 2})
                               .conv({.channels = 6, .strides = {stride, stride}, .pads = {1, 1, 1, 1}})
                               .square()
                               .conv({.channels = 6, .pads = {1, 1, 1, 1}, .groups = 3})
                               .quadratic()
                               .pool({.kernel = {2, 2}, .strides = {2, 2}, .pads = {0, 0, 1, 1}})
                               .dense(5)
                               .build());
        expect_computes(network, lower(network, options(network, log_slots)));
        ASSERT_FALSE(HasFailure()) << size << ", stride " << stride << ", 2^" << log_slots << " slots";
      }
    }
  }
}

/// The shape of the digit networks.
TEST(Lowering, AStridedConvolutionAndTwoDenseLayersTakeFewKeySwitches) {
  const auto network = nn::to_network(nn::testing::GraphBuilder(4, {1, 28, 28})
                                          .conv({.channels = 4, .kernel = {7, 7}, .strides = {3, 3}})
                                          .square()
                                          .dense(64)
                                          .square()
                                          .dense(10)
                                          .build());
  const Lowered lowered = lower(network, options(network, 12));
  std::size_t switches = 2;  // relinearisations
  for (const LoweredStage& stage : lowered.stages) switches += count_key_switches(stage.plan).total();
  EXPECT_LE(switches, 48u);
  expect_computes(network, lowered);
}

TEST(Lowering, FewerRotationKeysWhereTheyAreBounded) {
  const auto network = nn::to_network(nn::testing::GraphBuilder(6, {4, 8, 8})
                                          .conv({.channels = 8, .strides = {2, 2}, .pads = {1, 1, 1, 1}})
                                          .square()
                                          .conv({.channels = 8, .pads = {1, 1, 1, 1}})
                                          .square()
                                          .dense(10)
                                          .build());
  LoweringOptions bounded = options(network, 9);
  const std::size_t unbounded = lower(network, bounded).rotation_keys;
  ASSERT_GT(unbounded, 10u);
  bounded.max_rotation_keys = unbounded - 1;
  const Lowered lowered = lower(network, bounded);
  EXPECT_LE(lowered.rotation_keys, unbounded - 1);
  expect_computes(network, lowered);
  bounded.max_rotation_keys = 1;
  EXPECT_THROW(lower(network, bounded), UnsupportedModel);
}

/// Two helical convolutions of 32 channels at 8 x 8 positions: with channels innermost, a weight depends on nothing
/// else.
TEST(Lowering, HelicalConvolutionsHaveWeightsOfOnePosition) {
  const nn::QuadraticNetwork network = test::helical_network({32, 8, 8}, {32, 32});
  LoweringOptions what = options(network, 11);
  what.cached = false;
  const Lowered lowered = lower(network, what);
  expect_computes(network, lowered);
  for (std::size_t s = 0; s < 2; ++s) {
    for (const ckks::Diagonal& d : lowered.stages[s].diagonals) EXPECT_LE(d.period(), 32u);
    EXPECT_EQ(lowered.stages[s].diagonals.size(), 3u * (4 * 32 - 1) + 1);  // three rows of three taps each; zeros
    EXPECT_NE(lowered.stages[s].plan.paired, 0);
    EXPECT_LE(lowered.stages[s].plan.terms.size(), 3u * 2 * 32);
  }
}

TEST(Lowering, RefusesWhatTakesTooManyCiphertexts) {
  const auto network = nn::to_network(
      nn::testing::GraphBuilder(7, {8, 16, 16}).conv({.channels = 8, .pads = {1, 1, 1, 1}}).square().dense(10).build());
  EXPECT_NO_THROW(lower(network, options(network, 7)));  // 2048 values on 16 x 128 slots
  EXPECT_THROW(lower(network, options(network, 6)), UnsupportedModel);
}

TEST(Lowering, RepeatsOnePeriodACiphertext) {
  const Layout layout{{0, 1, kZero, 2, 3, kAnything, 4, 5}};  // two ciphertexts of 4
  EXPECT_EQ(repeated(layout, 2, 3).element,
            (std::vector<std::int32_t>{0, 1, kZero, 2, 0, 1, kZero, 2, 3, kAnything, 4, 5, 3, kAnything, 4, 5}));
}

}  // namespace
}  // namespace blindsight::compiler
