#include <gtest/gtest.h>

#include "blindsight/base/error.h"
#include "blindsight/nn/affine.h"
#include "blindsight/nn/evaluate.h"
#include "model_builder.h"

namespace blindsight::nn {
namespace {

using namespace testing;

void expect_chain_equals_graph(const Graph& graph) {
  const QuadraticChain chain = to_chain(graph);
  for (unsigned i = 0; i < 3; ++i) {
    const Tensor image = random_image(graph, 1 + i);
    expect_close(evaluate(chain, image.data), evaluate(graph, image).data);
  }
}

TEST(Chain, MergesLinearLayersAndCompletesSquares) {
  const Graph graph = sample_network().import();
  const QuadraticChain chain = to_chain(graph);
  ASSERT_EQ(chain.affine.size(), 3u);
  EXPECT_EQ(chain.depth(), 2u);
  EXPECT_TRUE(chain.softmax_output);
  EXPECT_EQ(chain.affine[0].name, "conv1+bn1");
  EXPECT_EQ(chain.affine[1].name, "pool1+b_linear");
  EXPECT_EQ(chain.affine[2].name, "a_square2+quadratic+flatten+fc");
  EXPECT_EQ(chain.affine[2].rows, 10u);
  expect_chain_equals_graph(graph);
}

TEST(Chain, RowsAreSortedWithoutZeros) {
  const QuadraticChain chain = to_chain(sample_network().import());
  for (const SparseAffine& map : chain.affine) {
    ASSERT_EQ(map.row_begin.size(), map.rows + 1);
    ASSERT_EQ(map.bias.size(), map.rows);
    ASSERT_EQ(map.row_begin.back(), map.value.size());
    ASSERT_EQ(map.col.size(), map.value.size());
    for (std::size_t r = 0; r < map.rows; ++r) {
      for (std::size_t k = map.row_begin[r]; k < map.row_begin[r + 1]; ++k) {
        ASSERT_LT(map.col[k], map.cols);
        ASSERT_NE(map.value[k], 0);
        if (k > map.row_begin[r]) {
          ASSERT_LT(map.col[k - 1], map.col[k]);
        }
      }
    }
  }
}

TEST(Chain, EndsWithIdentityAfterASquare) {
  ModelBuilder model({1, 1, 2, 2});
  model.node("Flatten", "flat", {"x"});
  model.node("Mul", "square", {"flat", "flat"});
  const Graph graph = model.import();
  const QuadraticChain chain = to_chain(graph);
  ASSERT_EQ(chain.affine.size(), 2u);
  EXPECT_EQ(chain.affine[1].name, "identity");
  EXPECT_EQ(chain.affine[1].nonzeros(), 4u);
  expect_chain_equals_graph(graph);
}

TEST(Chain, SquaresOfSquaresAndConstantsAroundThem) {
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
  EXPECT_EQ(to_chain(graph).depth(), 2u);
  expect_chain_equals_graph(graph);
}

TEST(Chain, MergesParallelLinearBranches) {
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
  EXPECT_EQ(to_chain(graph).depth(), 1u);
  expect_chain_equals_graph(graph);
}

TEST(Chain, LinearNetworkIsOneMap) {
  ModelBuilder model({1, 1, 3, 3});
  model.node("Flatten", "flat", {"x"});
  const QuadraticChain chain = to_chain(model.import());
  ASSERT_EQ(chain.affine.size(), 1u);
  EXPECT_EQ(chain.affine[0].name, "flat");
}

TEST(Chain, RefusesResidualNetworks) {
  Random random(4);
  ModelBuilder model({1, 2, 4, 4});
  model.weight("w", {2, 2, 1, 1}, random.reals(4));
  model.node("Mul", "square", {"x", "x"});
  model.node("Conv", "conv", {"square", "w"});
  model.node("Add", "shortcut", {"conv", "x"});
  model.node("Flatten", "flat", {"shortcut"});
  const Graph graph = model.import();
  EXPECT_EQ(evaluate(graph, random_image(graph, 1)).data.size(), 32u);
  try {
    to_chain(graph);
    FAIL();
  } catch (const UnsupportedModel& error) {
    EXPECT_NE(std::string(error.what()).find("'shortcut' (Add)"), std::string::npos) << error.what();
    EXPECT_NE(std::string(error.what()).find("residual"), std::string::npos) << error.what();
  }
}

TEST(Chain, RefusesVanishingSquares) {
  ModelBuilder model({1, 2, 2, 2});
  model.weight("a", {2, 1, 1}, {1, 0});
  model.node("Mul", "square", {"x", "x"});
  model.node("Mul", "scaled", {"square", "a"});
  model.node("Add", "quadratic", {"scaled", "x"});
  model.node("Flatten", "flat", {"quadratic"});
  try {
    to_chain(model.import());
    FAIL();
  } catch (const UnsupportedModel& error) {
    EXPECT_NE(std::string(error.what()).find("coefficient is 0"), std::string::npos) << error.what();
  }
}

TEST(Chain, RefusesInputsOfAnotherSize) {
  const Graph graph = sample_network().import();
  EXPECT_THROW(evaluate(to_chain(graph), Doubles(3)), InvalidArgument);
  EXPECT_THROW(evaluate(graph, Tensor{{1, 9, 8}, Doubles(72)}), InvalidArgument);
  EXPECT_THROW(evaluate(graph, Tensor{{2, 9, 8}, Doubles(72)}), InvalidArgument);
}

}  // namespace
}  // namespace blindsight::nn
