#include "blindsight/nn/network.h"

#include <gtest/gtest.h>

#include <functional>
#include <optional>
#include <sstream>

#include "blindsight/base/error.h"
#include "blindsight/nn/evaluate.h"
#include "model_builder.h"

namespace blindsight::nn {
namespace {

using namespace testing;

/// What a stage reads: 2 for value 2, 102 for its square.
std::vector<std::size_t> reads(const Stage& stage) {
  std::vector<std::size_t> values;
  for (const StageTerm& term : stage.terms) values.push_back(term.value + (term.squared ? 100 : 0));
  return values;
}

using Reads = std::vector<std::size_t>;

TEST(Network, MergesLinearLayersAndCompletesSquares) {
  const Graph graph = sample_network().import();
  const QuadraticNetwork network = to_network(graph);
  ASSERT_EQ(network.stages.size(), 3u);
  EXPECT_EQ(network.depths(), (std::vector<unsigned>{0, 1, 2, 3}));
  EXPECT_TRUE(network.softmax_output);
  EXPECT_EQ(network.stages[0].name, "conv1");
  EXPECT_EQ(network.stages[1].name, "pool1");
  EXPECT_EQ(network.stages[2].name, "fc");
  EXPECT_EQ(network.stages[0].shape, (Shape{4, 5, 8}));
  EXPECT_EQ(reads(network.stages[0]), Reads{0});
  EXPECT_EQ(reads(network.stages[1]), Reads{101});
  EXPECT_EQ(reads(network.stages[2]), Reads{102});
  expect_network_equals_graph(graph);
}

TEST(Network, PrintsOneLineAStage) {
  std::ostringstream text;
  text << to_network(sample_network().import());
  EXPECT_NE(text.str().find("nonzeros]·%1² : 4x3x3  # pool1"), std::string::npos) << text.str();
  EXPECT_NE(text.str().find("softmax %3"), std::string::npos) << text.str();
}

TEST(Network, EndsWithTheSquareReadByAStageOfItsOwn) {
  ModelBuilder model({1, 1, 2, 2});
  model.weight("c", {}, {3});
  model.node("Flatten", "flat", {"x"});
  model.node("Add", "plus", {"flat", "c"});
  model.node("Mul", "square", {"plus", "plus"});
  const Graph graph = model.import();
  const QuadraticNetwork network = to_network(graph);
  ASSERT_EQ(network.stages.size(), 1u);
  EXPECT_EQ(network.stages[0].name, "identity");
  EXPECT_EQ(reads(network.stages[0]), (Reads{100, 0}));  // the input has no stage that could take the shift
  expect_network_equals_graph(graph);
}

TEST(Network, SquaresOfSquaresAndConstantsAroundThem) {
  ModelBuilder model({1, 2, 2, 3}, 9);
  model.weight("c", {}, {0.75}).weight("d", {2, 1, 1}, {2, -3}).weight("two", {}, {2});
  model.node("Add", "plus", {"x", "c"});
  model.node("Pow", "pow", {"plus", "two"});
  model.node("Mul", "scaled", {"d", "pow"});
  model.node("Sub", "minus", {"c", "scaled"});
  model.node("Mul", "fourth", {"minus", "minus"});
  model.node("Add", "sum", {"fourth", "minus"});
  model.node("Div", "third", {"sum", "d"});
  model.node("Flatten", "flat", {"third"});
  const Graph graph = model.import();
  EXPECT_EQ(to_network(graph).depth(), 2u);
  expect_network_equals_graph(graph);
}

TEST(Network, MergesParallelLinearBranches) {
  Random random(3);
  ModelBuilder model({1, 2, 5, 5});
  model.weight("w", {3, 2, 3, 3}, random.reals(54)).weight("v", {3, 2, 1, 1}, random.reals(6));
  set(model.node("Conv", "wide", {"x", "w"}), "pads", {1, 1, 1, 1});
  model.node("Conv", "narrow", {"x", "v"});
  model.node("Sub", "difference", {"wide", "narrow"});
  model.node("Mul", "square", {"difference", "difference"});
  model.node("GlobalAveragePool", "pool", {"square"});
  model.node("Flatten", "flat", {"pool"});
  const Graph graph = model.import();
  const QuadraticNetwork network = to_network(graph);
  ASSERT_EQ(network.stages.size(), 2u);
  EXPECT_EQ(network.stages[0].name, "wide+narrow");
  expect_network_equals_graph(graph);
}

TEST(Network, LinearNetworkIsOneStage) {
  ModelBuilder model({1, 1, 3, 3});
  model.node("Flatten", "flat", {"x"});
  const QuadraticNetwork network = to_network(model.import());
  ASSERT_EQ(network.stages.size(), 1u);
  EXPECT_EQ(network.stages[0].name, "flat");
  EXPECT_EQ(network.depth(), 1u);
}

/// A quadratic activation a·x² + b·x + c with weights named after the node.
std::string quadratic(ModelBuilder& model, Random& random, const std::string& x, std::int64_t channels) {
  const Ints dims{1, channels, 1, 1};
  Doubles a = random.reals(channels);
  for (double& value : a) value = 0.25 + value * value;
  const std::string q = x + "_q";
  model.weight(q + "a", dims, a).weight(q + "b", dims, random.reals(channels));
  model.weight(q + "c", dims, random.reals(channels));
  model.node("Mul", q + "1", {x, x});
  model.node("Mul", q + "2", {q + "a", q + "1"});
  model.node("Mul", q + "3", {q + "b", x});
  model.node("Add", q + "4", {q + "2", q + "3"});
  model.node("Add", q, {q + "4", q + "c"});
  return q;
}

std::string conv3(ModelBuilder& model, Random& random, const std::string& name, const std::string& x,
                  std::int64_t channels) {
  model.weight(name + "w", {channels, channels, 3, 3}, random.reals(channels * channels * 9));
  set(model.node("Conv", name, {x, name + "w"}), "pads", {1, 1, 1, 1});
  return name;
}

/// The block of a quadratic ResNet: activation after the addition. No stage for the shortcut, and one for the sum.
TEST(Network, ResidualBlockAroundActivations) {
  Random random(5);
  ModelBuilder model({1, 3, 6, 6});
  const std::string first = quadratic(model, random, conv3(model, random, "conv0", "x", 3), 3);
  const std::string inner = quadratic(model, random, conv3(model, random, "conv1", first, 3), 3);
  model.node("Add", "sum", {conv3(model, random, "conv2", inner, 3), first});
  const std::string last = quadratic(model, random, "sum", 3);
  model.node("Flatten", "flat", {last});
  const Graph graph = model.import();
  const QuadraticNetwork network = to_network(graph);
  ASSERT_EQ(network.stages.size(), 4u);
  EXPECT_EQ(reads(network.stages[1]), Reads{101});
  EXPECT_EQ(reads(network.stages[2]), (Reads{101, 102}));
  EXPECT_EQ(network.stages[2].terms[0].matrix.nonzeros(), 3u * 36u);
  EXPECT_EQ(reads(network.stages[3]), Reads{103});
  EXPECT_EQ(network.depth(), 4u);
  expect_network_equals_graph(graph);
}

/// Activation before the convolution: the shortcut reads the stage that the activation squares.
TEST(Network, PreActivationResidualBlock) {
  Random random(6);
  ModelBuilder model({1, 2, 6, 6});
  conv3(model, random, "conv0", "x", 2);
  const std::string inner = conv3(model, random, "conv1", quadratic(model, random, "conv0", 2), 2);
  model.node("Add", "sum", {inner, "conv0"});
  model.node("Add", "again", {conv3(model, random, "conv2", quadratic(model, random, "sum", 2), 2), "sum"});
  model.node("Flatten", "flat", {"again"});
  const Graph graph = model.import();
  const QuadraticNetwork network = to_network(graph);
  ASSERT_EQ(network.stages.size(), 3u);
  EXPECT_EQ(reads(network.stages[1]), (Reads{101, 1}));
  EXPECT_EQ(reads(network.stages[2]), (Reads{102, 2}));
  expect_network_equals_graph(graph);
}

/// A linear layer that reads what an activation reads, too, takes it from the stage.
TEST(Network, ProjectionBesideAnActivation) {
  Random random(7);
  ModelBuilder model({1, 2, 5, 5});
  conv3(model, random, "conv0", "x", 2);
  const std::string side = conv3(model, random, "side", "conv0", 2);
  const std::string inner = conv3(model, random, "conv1", quadratic(model, random, "conv0", 2), 2);
  model.node("Add", "sum", {side, inner});
  model.node("Flatten", "flat", {"sum"});
  const Graph graph = model.import();
  const QuadraticNetwork network = to_network(graph);
  ASSERT_EQ(network.stages.size(), 2u);
  EXPECT_EQ(reads(network.stages[1]), (Reads{101, 1}));
  expect_network_equals_graph(graph);
}

/// Two different polynomials of one tensor share its stage.
TEST(Network, TwoQuadraticsOfOneTensor) {
  Random random(8);
  ModelBuilder model({1, 2, 5, 5});
  conv3(model, random, "conv0", "x", 2);
  const std::string left = conv3(model, random, "left", quadratic(model, random, "conv0", 2), 2);
  model.node("Mul", "square", {"conv0", "conv0"});
  const std::string right = conv3(model, random, "right", "square", 2);
  model.node("Add", "sum", {left, right});
  model.node("Flatten", "flat", {"sum"});
  const Graph graph = model.import();
  const QuadraticNetwork network = to_network(graph);
  ASSERT_EQ(network.stages.size(), 2u);
  EXPECT_EQ(reads(network.stages[1]), (Reads{101, 1}));
  expect_network_equals_graph(graph);
}

/// One activation, -0.5·x² + 2·x + 3 in channel 0 and 0.25·x² - x in channel 1, however it is written.
TEST(Network, QuadraticsInEverySpelling) {
  using Build = std::function<void(ModelBuilder&)>;
  const std::vector<std::pair<const char*, Build>> spellings = {
      {"a*(x*x) + b*x + c",
       [](ModelBuilder& m) {
         m.node("Mul", "s", {"conv", "conv"});
         m.node("Mul", "as", {"a", "s"});
         m.node("Mul", "bx", {"conv", "b"});
         m.node("Add", "sum", {"bx", "as"});
         m.node("Add", "y", {"c", "sum"});
       }},
      {"a*x**2 + (b*x + c)",
       [](ModelBuilder& m) {
         m.node("Pow", "s", {"conv", "two"});
         m.node("Mul", "as", {"s", "a"});
         m.node("Mul", "bx", {"b", "conv"});
         m.node("Add", "line", {"bx", "c"});
         m.node("Add", "y", {"as", "line"});
       }},
      {"(a*x)*x + b*x + c",
       [](ModelBuilder& m) {
         m.node("Mul", "ax", {"a", "conv"});
         m.node("Mul", "axx", {"ax", "conv"});
         m.node("Mul", "bx", {"b", "conv"});
         m.node("Add", "sum", {"axx", "bx"});
         m.node("Add", "y", {"sum", "c"});
       }},
      {"x*(a*x + b) + c",
       [](ModelBuilder& m) {
         m.node("Mul", "ax", {"a", "conv"});
         m.node("Add", "line", {"ax", "b"});
         m.node("Mul", "product", {"conv", "line"});
         m.node("Add", "y", {"product", "c"});
       }},
      {"a*(x - h)**2 - k",
       [](ModelBuilder& m) {
         m.node("Sub", "moved", {"conv", "h"});
         m.node("Pow", "s", {"moved", "two"});
         m.node("Mul", "as", {"a", "s"});
         m.node("Sub", "y", {"as", "k"});
       }},
      {"-(x*x/d) + b*x - (-c)",
       [](ModelBuilder& m) {
         m.node("Mul", "s", {"conv", "conv"});
         m.node("Div", "quotient", {"s", "d"});
         m.node("Neg", "negative", {"quotient"});
         m.node("Mul", "bx", {"b", "conv"});
         m.node("Add", "sum", {"negative", "bx"});
         m.node("Neg", "mc", {"c"});
         m.node("Sub", "y", {"sum", "mc"});
       }},
      {"(x + p)*(a*x + q) + r",
       [](ModelBuilder& m) {
         m.node("Add", "left", {"conv", "p"});
         m.node("Mul", "ax", {"a", "conv"});
         m.node("Add", "right", {"ax", "q"});
         m.node("Mul", "product", {"left", "right"});
         m.node("Add", "y", {"product", "r"});
       }},
  };
  Random random(12);
  const Doubles weights = random.reals(4);
  std::optional<Doubles> expected;
  for (const auto& [name, build] : spellings) {
    SCOPED_TRACE(name);
    ModelBuilder model({1, 2, 3, 3});
    const Ints dims{1, 2, 1, 1};
    model.weight("w", {2, 2, 1, 1}, weights).weight("two", {}, {2}).weight("a", dims, {-0.5, 0.25});
    model.weight("b", {2, 1, 1}, {2, -1}).weight("c", dims, {3, 0}).weight("d", dims, {2, -4});
    model.weight("h", dims, {2, 2}).weight("k", dims, {-5, 1});  // a·(x - h)² - k
    // (x + p)(a·x + q) + r with p = 1: q + a = b, q + r = c
    model.weight("p", {}, {1}).weight("q", dims, {2.5, -1.25}).weight("r", dims, {0.5, 1.25});
    model.node("Conv", "conv", {"x", "w"});
    build(model);
    model.node("Flatten", "flat", {"y"});
    const Graph graph = model.import();
    const Doubles y = evaluate(graph, random_image(graph, 3)).data;
    if (!expected) expected = y;
    expect_close(y, *expected);
    const QuadraticNetwork network = to_network(graph);
    ASSERT_EQ(network.stages.size(), 2u);
    EXPECT_EQ(reads(network.stages[1]), Reads{101});  // one square, whatever the spelling
    expect_close(network.stages[0].bias, {-2, -2, -2, -2, -2, -2, -2, -2, -2, -2, -2, -2, -2, -2, -2, -2, -2, -2});
    expect_network_equals_graph(graph);
  }
}

TEST(Network, VanishingSquaresAndLargeShiftsReadTheValueItself) {
  ModelBuilder model({1, 3, 2, 2});
  model.weight("k", {3, 3, 1, 1}, {1, 2, 3, 4, 5, 6, 7, 8, 10}).weight("a", {3, 1, 1}, {1, 0, 0.001});
  model.node("Conv", "conv", {"x", "k"});
  model.node("Mul", "square", {"conv", "conv"});
  model.node("Mul", "scaled", {"square", "a"});
  model.node("Add", "quadratic", {"scaled", "conv"});
  model.node("Flatten", "flat", {"quadratic"});
  const Graph graph = model.import();
  const QuadraticNetwork network = to_network(graph);
  ASSERT_EQ(network.stages.size(), 2u);
  ASSERT_EQ(reads(network.stages[1]), (Reads{101, 1}));
  EXPECT_EQ(network.stages[1].terms[0].matrix.nonzeros(), 8u);  // channels 0 and 2
  EXPECT_EQ(network.stages[1].terms[1].matrix.nonzeros(), 8u);  // channels 1 and 2, whose shift would be 500
  EXPECT_EQ(network.stages[0].bias, (Doubles{0.5, 0.5, 0.5, 0.5, 0, 0, 0, 0, 0, 0, 0, 0}));
  expect_network_equals_graph(graph);
  EXPECT_EQ(to_network(graph, {1000}).stages[1].terms[1].matrix.nonzeros(), 4u);
  EXPECT_EQ(to_network(graph, {0.1}).stages[1].terms[1].matrix.nonzeros(), 12u);
  expect_network_equals_graph(graph, 1, {1000});
}

/// The shift counts in units of the tensor that the network squares, not in those of the merged map.
TEST(Network, ShiftsAreMeasuredBehindTheScale) {
  ModelBuilder model({1, 1, 2, 2});
  model.weight("k", {1, 1, 1, 1}, {1000}).weight("scale", {}, {0.0009765625}).weight("one", {}, {1});
  model.node("Conv", "conv", {"x", "k"});
  model.node("Mul", "bn", {"conv", "scale"});
  model.node("Add", "plus", {"bn", "one"});
  model.node("Mul", "square", {"plus", "plus"});
  model.node("Flatten", "flat", {"square"});
  const Graph graph = model.import();
  EXPECT_EQ(to_network(graph).stages[0].bias[0], 1024);
  EXPECT_EQ(reads(to_network(graph).stages[1]), Reads{101});
  EXPECT_EQ(reads(to_network(graph, {0.5}).stages[1]), (Reads{101, 1}));
}

TEST(Network, LinearLayersThatWouldGrowStayApart) {
  // A column of 1,500 times a row of 1,500: merged, 2.25 million weights instead of 3,000.
  Random random(9);
  ModelBuilder model({1, 1, 1, 1500});
  model.weight("in", {1500, 1}, random.reals(1500)).weight("out", {1, 1500}, random.reals(1500));
  model.node("Flatten", "flat", {"x"});
  model.node("MatMul", "narrow", {"flat", "in"});
  model.node("MatMul", "wide", {"narrow", "out"});
  const Graph graph = model.import();
  const QuadraticNetwork network = to_network(graph);
  ASSERT_EQ(network.stages.size(), 2u);
  EXPECT_EQ(network.stages[0].name, "narrow");
  EXPECT_EQ(reads(network.stages[1]), Reads{1});
  expect_network_equals_graph(graph);
}

TEST(Network, BranchesOfZerosDisappear) {
  Random random(10);
  ModelBuilder model({1, 1, 4, 4});
  model.weight("w", {1, 1, 3, 3}, Doubles(9)).weight("c", {}, {2}).weight("zero", {}, {0});
  set(model.node("Conv", "conv", {"x", "w"}), "pads", {1, 1, 1, 1});
  model.node("Add", "plus", {"conv", "c"});
  model.node("Mul", "square", {"plus", "plus"});
  model.node("Mul", "also", {"x", "x"});
  model.node("Mul", "nothing", {"also", "zero"});
  model.node("Add", "sum", {"square", "x"});
  model.node("Add", "sum2", {"sum", "nothing"});
  model.node("Flatten", "flat", {"sum2"});
  const Graph graph = model.import();
  const QuadraticNetwork network = to_network(graph);
  ASSERT_EQ(network.stages.size(), 1u);
  EXPECT_EQ(reads(network.stages[0]), Reads{0});
  EXPECT_EQ(network.stages[0].bias[0], 4);
  expect_network_equals_graph(graph);
}

TEST(Network, RefusesConstantNetworksAndOverflow) {
  ModelBuilder model({1, 1, 2, 2});
  model.weight("zero", {}, {0});
  model.node("Flatten", "flat", {"x"});
  model.node("Mul", "nothing", {"flat", "zero"});
  EXPECT_THROW(to_network(model.import()), UnsupportedModel);
  ModelBuilder large({1, 1, 2, 2});
  large.weight("c", {}, {1e38});
  std::string last = "x";
  for (int i = 0; i < 10; ++i) {
    const std::string name = "mul" + std::to_string(i);
    large.node("Mul", name, {last, "c"});
    last = name;
  }
  large.node("Flatten", "flat", {last});
  try {
    to_network(large.import());
    FAIL();
  } catch (const UnsupportedModel& error) {
    EXPECT_NE(std::string(error.what()).find("overflow"), std::string::npos) << error.what();
  }
}

TEST(Network, RefusesInputsOfAnotherSize) {
  const Graph graph = sample_network().import();
  EXPECT_THROW(evaluate_stages(to_network(graph), Doubles(3)), InvalidArgument);
  EXPECT_THROW(evaluate(graph, Tensor{{1, 9, 8}, Doubles(72)}), InvalidArgument);
  EXPECT_THROW(evaluate(graph, Tensor{{2, 9, 8}, Doubles(72)}), InvalidArgument);
  Doubles y(2);
  EXPECT_THROW(add_product(SparseMatrix{1, 1, {0, 0}, {}, {}}, Doubles(1), y), InvalidArgument);
}

}  // namespace
}  // namespace blindsight::nn
