// What a client makes of results: two views of an image, images that no plan was made for.
#include <gtest/gtest.h>

#include <cmath>
#include <memory>

#include "blindsight/compiler/compile.h"
#include "blindsight/nn/views.h"
#include "graph_builder.h"
#include "hand_made.h"
#include "logits.h"

namespace blindsight::runtime {
namespace {

const nn::Shape kShape{2, 8, 8};
constexpr std::size_t kElements = 2 * 8 * 8;

nn::QuadraticNetwork network() {
  nn::testing::GraphBuilder builder(11, kShape);
  builder.conv({.channels = 4, .pads = {1, 1, 1, 1}}).square().conv({.channels = 4, .strides = {2, 2}}).square();
  return nn::to_network(builder.dense(4).build());
}

compiler::Compiled compiled(bool mirror_image) {
  compiler::Options options{.precision = 0.01, .mirror_image = mirror_image};
  for (std::uint64_t i = 0; i < 8; ++i) options.calibration.push_back(test::uniform(i, kElements, 1));
  return compiler::compile(network(), options);
}

TEST(Views, LogitsAreTheMeanOverImageAndMirrorImage) {
  const auto both = compiled(true);
  const auto program = std::make_shared<const compiler::Program>(both.program);
  EXPECT_EQ(program->input_elements, kElements);
  const auto x = test::uniform(100, kElements, 1);
  const auto a = nn::evaluate_stages(network(), x).back();
  const auto b = nn::evaluate_stages(network(), nn::mirrored(x, kShape)).back();
  const auto simulated = test::simulated_logits(*program, x);
  const auto got = test::encrypted_logits(program, x);
  ASSERT_EQ(got.size(), a.size());
  for (std::size_t j = 0; j < a.size(); ++j) {
    EXPECT_NEAR(simulated[j], (a[j] + b[j]) / 2, 1e-9 * (1 + std::abs(a[j])));
    EXPECT_NEAR(got[j], simulated[j], 8 * both.report.predicted_logit_error) << "logit " << j;
  }
}

TEST(Answer, SaysWhichResultsAreNone) {
  const auto program = std::make_shared<const compiler::Program>(compiled(false).program);
  const Client client(compiler::make_manifest(*program, ""));
  const ckks::SecretKey secret(client.context()), other(client.context());
  const auto keys = ckks::make_evaluation_keys(secret, client.manifest().keys);
  const Executor executor(client.context(), program);
  const auto run = [&](double factor) {
    std::vector<double> x = test::uniform(100, kElements, 1);
    for (double& v : x) v *= factor;
    return executor.run(expand(*client.context(), client.encrypt(secret, x)), keys);
  };
  const auto usual = run(1);
  const Answer answer = client.answer(secret, usual);
  EXPECT_TRUE(answer.plausible());
  EXPECT_EQ(answer.logits, client.decrypt(secret, usual));
  EXPECT_FALSE(client.answer(other, usual).real);

  const Answer bright = client.answer(secret, run(2));  // the modulus still holds it, logits grow as its fourth power
  EXPECT_TRUE(bright.real);
  EXPECT_FALSE(bright.in_range);
  EXPECT_FALSE(bright.plausible());
  EXPECT_FALSE(client.answer(secret, run(1000)).plausible());  // nothing holds that
}

}  // namespace
}  // namespace blindsight::runtime
