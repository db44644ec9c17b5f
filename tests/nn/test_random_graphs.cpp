#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "blindsight/nn/evaluate.h"
#include "blindsight/nn/network.h"
#include "model_builder.h"
#include "random_graph.h"

namespace blindsight::nn {
namespace {

using namespace testing;

TEST(RandomGraphs, StagesAreTheGraph) {
  std::map<unsigned, int> depths;
  std::map<std::string, int> kinds;
  int residual = 0;
  for (unsigned seed = 0; seed < 1000; ++seed) {
    SCOPED_TRACE(seed);
    const Graph graph = random_graph(seed);
    for (const Node& node : graph.nodes) {
      ++kinds[kind_name(node.operation)];
      ASSERT_LE(element_count(node.shape), 1024);
    }
    NetworkOptions options;
    options.largest_shift = seed % 3 == 0 ? 0 : seed % 3 == 1 ? 2 : 64;
    expect_network_equals_graph(graph, seed, options);
    if (::testing::Test::HasFatalFailure()) return;
    const QuadraticNetwork network = to_network(graph, options);
    ++depths[network.depth()];
    for (const Stage& stage : network.stages) {
      residual += std::any_of(stage.terms.begin(), stage.terms.end(),
                              [&](const StageTerm& term) { return term.value != stage.terms[0].value; });
    }
  }
  // The generator reaches what it is for.
  for (unsigned depth = 1; depth <= 4; ++depth) EXPECT_GT(depths[depth], 30) << depth;
  EXPECT_EQ(depths.rbegin()->first, 4u);
  EXPECT_GT(residual, 200);
  EXPECT_EQ(kinds.size(), 11u);
}

TEST(RandomGraphs, ValuesStayNearOne) {
  for (unsigned seed = 0; seed < 300; ++seed) {
    const Graph graph = random_graph(seed);
    for (const double value : evaluate(graph, random_graph_input(graph, seed)).data) ASSERT_LT(std::abs(value), 100);
  }
}

TEST(RandomGraphs, AreTheSameForASeed) {
  const Graph graph = random_graph(5);
  const Tensor image = random_graph_input(graph, 6);
  EXPECT_EQ(to_string(graph), to_string(random_graph(5)));
  EXPECT_EQ(evaluate(graph, image).data, evaluate(random_graph(5), image).data);
}

}  // namespace
}  // namespace blindsight::nn
