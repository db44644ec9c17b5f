#include "blindsight/compiler/plan.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <functional>
#include <limits>
#include <random>
#include <sstream>
#include <string>
#include <tuple>

#include "blindsight/base/error.h"
#include "blindsight/compiler/blocks.h"
#include "blindsight/compiler/memory.h"
#include "hand_made.h"

namespace blindsight::compiler {
namespace {

const Program& program() {
  static const Program p = [] {
    Program made = test::hand_made_program();
    made.output_bound = 12.5;
    return made;
  }();
  return p;
}

void expect_same(const Program& a, const Program& b) {
  EXPECT_EQ(a.keys, b.keys);
  EXPECT_EQ(a.input, b.input);
  EXPECT_EQ(a.output, b.output);
  EXPECT_EQ(a.output_bound, b.output_bound);
  EXPECT_EQ(a.results, b.results);
  EXPECT_EQ(a.vectors, b.vectors);
  ASSERT_EQ(a.maps.size(), b.maps.size());
  for (std::size_t i = 0; i < a.maps.size(); ++i) {
    EXPECT_EQ(a.maps[i].diagonals, b.maps[i].diagonals);
    EXPECT_EQ(a.maps[i].weight_scale, b.maps[i].weight_scale);
    EXPECT_EQ(a.maps[i].plan.folds, b.maps[i].plan.folds);
    EXPECT_EQ(a.maps[i].plan.paired, b.maps[i].plan.paired);
    ASSERT_EQ(a.maps[i].plan.terms.size(), b.maps[i].plan.terms.size());
    for (std::size_t t = 0; t < a.maps[i].plan.terms.size(); ++t) {
      const auto all = [](const ckks::LinearMapPlan::Term& x) {
        return std::tuple(x.input, x.output, x.baby, x.giant, x.diagonal, x.partner);
      };
      EXPECT_EQ(all(a.maps[i].plan.terms[t]), all(b.maps[i].plan.terms[t]));
    }
  }
}

TEST(Program, HandMadeOneIsValidAndPrints) {
  EXPECT_NO_THROW(validate(program()));
  std::ostringstream out;
  out << program();
  EXPECT_NE(out.str().find("%2, %3 = linear_map %0, %1  [8 diagonals, 0 folds]  level 2"), std::string::npos)
      << out.str();
  EXPECT_NE(out.str().find("results %11, %12"), std::string::npos) << out.str();
}

TEST(Program, RefusesWhatDoesNotFollow) {
  const std::vector<std::function<void(Program&)>> mistakes = {
      [](Program& p) { p.output_bound = 0; },
      [](Program& p) { p.output_bound = std::numeric_limits<double>::infinity(); },
      [](Program& p) {
        p.ops[0].inputs = {0, 13};
      },                                          // not made yet
      [](Program& p) { p.ops[0].inputs = {0}; },  // fewer than the map takes
      [](Program& p) {
        p.ops[0].outputs = {3, 2};
      },                                            // out of turn
      [](Program& p) { p.ops[0].level = 1; },       //
      [](Program& p) { p.ops[1].scale *= 1.001; },  //
      [](Program& p) { p.ops[7].operand = 2; },     // no such map
      [](Program& p) { p.ops[3].operand = 2; },     // no such vector
      [](Program& p) {
        p.ops[3].inputs = {4, 5};
      },                                                         //
      [](Program& p) { p.ops[9].level = 3; },                    //
      [](Program& p) { p.maps[0].weight_scale[1] *= 2; },        // products of different scales
      [](Program& p) { p.maps[1].weight_scale.pop_back(); },     //
      [](Program& p) { p.maps[1].weight_scale[0] = 0; },         //
      [](Program& p) { p.maps[0].plan.terms[0].diagonal = 7; },  //
      [](Program& p) { p.maps[0].plan.terms[0].input = 2; },     //
      [](Program& p) { p.maps[0].plan.terms[0].output = 2; },    //
      [](Program& p) { std::swap(p.maps[0].plan.terms[0], p.maps[0].plan.terms[1]); },
      [](Program& p) { p.maps[0].plan.terms[0].baby = static_cast<int>(p.slots()); },
      [](Program& p) { p.maps[0].plan.terms.resize(5); },  // nothing makes the second output
      [](Program& p) { p.maps[1].plan.folds[0] = 0; },     //
      [](Program& p) { p.maps[0].diagonals[0] = test::diagonal(1, 2 * p.slots(), 0); },
      [](Program& p) { p.maps[0].diagonals[0] = {}; },  //
      [](Program& p) { p.vectors[0] = {}; },            //
      [](Program& p) { p.results = {11}; },             //
      [](Program& p) { p.results[0] = 13; },            //
      [](Program& p) { p.input.element.pop_back(); },   //
      [](Program& p) { p.input.element[0] = static_cast<std::int32_t>(p.input_elements); },
      [](Program& p) { p.output.element[3] = kZero; },  // output 3 stands nowhere
      [](Program& p) { p.input_level = 3; },            //
      [](Program& p) { p.input_scale = std::numeric_limits<double>::quiet_NaN(); },
  };
  for (std::size_t i = 0; i < mistakes.size(); ++i) {
    Program p = program();
    mistakes[i](p);
    EXPECT_THROW(validate(p), InvalidArgument) << i;
  }
}

TEST(Program, KeysServeEveryRotationAtItsLevel) {
  const auto context = ckks::Context::create(program().parameters);
  const auto keys = ckks::key_levels(*context, required_keys(program()));
  for (const int k : {-3, 5, 64, -7}) {
    const auto element = context->rotation_element(k);
    const bool found = std::any_of(keys.galois.begin(), keys.galois.end(),
                                   [&](const auto& key) { return key.first.element == element && key.second == 2; });
    EXPECT_TRUE(found) << k;
  }
  EXPECT_EQ(keys.relinearisation.rbegin()->second, 1u);
}

TEST(Memory, KeepsWhatFitsAndNothingMore) {
  const auto context = ckks::Context::create(program().parameters);
  const MemoryPlan all = plan_memory(program(), *context, 0);
  EXPECT_EQ(all.weights, all.all_weights);
  EXPECT_GT(all.weights, 0u);
  const std::size_t fixed = all.total() - all.weights;
  const MemoryPlan none = plan_memory(program(), *context, 1);
  EXPECT_EQ(none.weights, 0u);
  EXPECT_EQ(std::count(none.kept.begin(), none.kept.end(), true), 0);
  for (std::size_t part = 1; part < 8; ++part) {
    const std::size_t budget = fixed + all.weights * part / 8;
    const MemoryPlan some = plan_memory(program(), *context, budget);
    EXPECT_LE(some.total(), budget);
    EXPECT_GE(some.weights, plan_memory(program(), *context, budget - all.weights / 8).weights);
  }
}

TEST(Plan, ComesBackAsItWas) {
  const Bytes file = write_plan(program(), "{\"name\": \"x\"}");
  const Plan plan = read_plan(file);
  EXPECT_EQ(plan.card, "{\"name\": \"x\"}");
  expect_same(plan.program, program());
  EXPECT_EQ(write_plan(plan.program, plan.card), file);
}

TEST(Plan, OfPairsComesBackAsItWas) {
  const Program p = test::paired_program();
  expect_same(read_plan(write_plan(p, "")).program, p);
  for (const auto& [bad, reason] : {std::pair(100000, "apart"), std::pair(17, "diagonal")}) {
    Program wrong = p;
    wrong.maps[0].plan.paired = bad;
    if (bad == 17) wrong.maps[0].plan.terms[0].partner = 99;
    try {
      validate(wrong);
      ADD_FAILURE() << reason;
    } catch (const InvalidArgument& e) {
      EXPECT_NE(std::string(e.what()).find(reason), std::string::npos) << e.what();
    }
  }
}

TEST(Plan, ManyRepetitiveDiagonalsStaySmallAndComeBack) {
  Program p = test::hand_made_program(15);
  const std::size_t period = p.slots() / 2;
  for (std::size_t d = 0; d < 600; ++d) {  // 5 MB of indices
    std::vector<double> values(period);
    const auto few = test::uniform(d, 17);
    for (std::size_t s = 0; s < period; ++s) values[s] = s % 32 == d % 32 ? 0 : few[s / 64 % 17];
    p.maps[0].diagonals.emplace_back(values);
  }
  const Bytes file = write_plan(p, "");
  EXPECT_LT(file.size(), 1'500'000u);
  expect_same(read_plan(file).program, p);
}

TEST(Manifest, ComesBackAsItWas) {
  const Manifest manifest = make_manifest(program(), "card");
  const Bytes file = write_manifest(manifest);
  const Manifest back = read_manifest(file);
  EXPECT_EQ(back.keys, manifest.keys);
  EXPECT_EQ(back.input_scale, manifest.input_scale);
  EXPECT_EQ(back.input, manifest.input);
  EXPECT_EQ(back.output, manifest.output);
  EXPECT_EQ(back.card, "card");
  EXPECT_EQ(write_manifest(back), file);
}

TEST(Manifest, HoldsNoWeight) {
  const Manifest manifest = make_manifest(program(), "card");
  Manifest other = manifest;
  EXPECT_EQ(write_manifest(other), write_manifest(manifest));
  // Other weights, the same manifest.
  Program p = program();
  for (Map& map : p.maps) {
    for (std::size_t d = 0; d < map.diagonals.size(); ++d) map.diagonals[d] = test::diagonal(100 + d, 64, 0);
  }
  EXPECT_NE(write_plan(p, "card"), write_plan(program(), "card"));
  EXPECT_EQ(write_manifest(make_manifest(p, "card")), write_manifest(manifest));
}

TEST(Blocks, ComeBackAndKeepToTheirSizeClass) {
  std::vector<Bytes> blocks{Bytes(100, 1), Bytes{}, Bytes(30'000'000, 0), Bytes(3'000'000, 7)};
  std::mt19937_64 random(1);
  for (auto& byte : blocks[0]) byte = static_cast<std::uint8_t>(random());
  ByteWriter out;
  write_blocks(out, blocks);
  ByteReader in(out.bytes(), "blocks");
  const auto read = read_blocks(in);
  ASSERT_EQ(read.size(), blocks.size());
  std::size_t stored = 0;
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    EXPECT_EQ(inflate(read[i], "blocks"), blocks[i]);
    stored += read[i].stored.size();
  }
  EXPECT_LE(33'000'100u, (4u << 20) + 64 * stored);
}

TEST(Blocks, RefuseToGrowOutOfTheirSizeClass) {
  const auto refused = [](const std::vector<std::pair<std::uint64_t, std::uint64_t>>& sizes, std::size_t bytes) {
    ByteWriter out;
    out.u32(static_cast<std::uint32_t>(sizes.size()));
    for (const auto& [size, stored] : sizes) {
      out.u64(size);
      out.u64(stored);
    }
    out.raw(Bytes(bytes, 0));
    ByteReader in(out.bytes(), "blocks");
    EXPECT_THROW(read_blocks(in), FormatError);
  };
  refused({{std::uint64_t{1} << 40, 100}}, 100);
  refused({{(4u << 20) + 6401, 100}}, 100);
  refused({{3u << 20, 100}, {3u << 20, 100}}, 200);
  refused({{100, 200}}, 200);
  refused({{~std::uint64_t{0}, ~std::uint64_t{0}}, {2, 2}}, 2);
  refused({{100, 60}, {100, 60}}, 100);
  refused({{100, 50}}, 51);
  ByteWriter many;
  many.u32(0xffffffff);
  ByteReader in(many.bytes(), "blocks");
  EXPECT_THROW(read_blocks(in), FormatError);
}

template <typename Read>
void expect_refused(const Bytes& file, Read read) {
  std::mt19937_64 random(1);
  for (std::size_t i = 0; i < 60; ++i) {
    const Bytes cut(file.begin(), file.begin() + static_cast<std::ptrdiff_t>(random() % file.size()));
    EXPECT_THROW(read(cut), Error);
    Bytes flipped = file;
    flipped[random() % file.size()] ^= static_cast<std::uint8_t>(1u << (random() % 8));
    EXPECT_THROW(read(flipped), Error);
  }
}

/// Damage below the checksum and below the compression: alters the inflated pieces and packs and seals them anew.
template <typename Read>
void expect_survives(const Bytes& file, ckks::Kind kind, std::size_t head, Read read) {
  const ckks::OpenedFile opened = ckks::open_file(file, kind, "file");
  ByteReader tail(opened.payload.subspan(head), "file");
  std::vector<Bytes> blocks;
  for (const PackedBlock& block : read_blocks(tail)) blocks.push_back(inflate(block, "file"));
  std::mt19937_64 random(2);
  for (std::size_t i = 0; i < 200; ++i) {
    std::vector<Bytes> damaged = blocks;
    Bytes& block = damaged[random() % damaged.size()];
    // The first bytes, the last ones (of the head: operations and maps), or any.
    const std::size_t span = std::min<std::size_t>(block.size(), i % 3 == 0 ? block.size() : 600);
    const std::size_t from = i % 3 == 1 ? block.size() - span : 0;
    block[from + random() % span] = i % 2 == 0 ? 0xff : static_cast<std::uint8_t>(random());
    if (i % 5 == 0) block.resize(random() % block.size());
    ByteWriter out;
    out.raw(opened.payload.first(head));
    write_blocks(out, damaged);
    Bytes payload = out.take();
    if (i % 7 == 0) payload[head + random() % 40] = static_cast<std::uint8_t>(random());
    try {
      read(ckks::seal_file(kind, opened.fingerprint, payload));
    } catch (const Error&) {
    }
  }
}

std::size_t parameters_size() {
  ByteWriter out;
  ckks::Context::create(program().parameters)->write(out);
  return out.bytes().size();
}

TEST(Plan, RefusesDamage) {
  const Bytes file = write_plan(program(), "card");
  expect_refused(file, read_plan);
  expect_survives(file, ckks::Kind::kPlan, parameters_size(), read_plan);
  EXPECT_THROW(read_plan(write_manifest(make_manifest(program(), ""))), FormatError);
}

TEST(Manifest, RefusesDamage) {
  const Bytes file = write_manifest(make_manifest(program(), "card"));
  expect_refused(file, read_manifest);
  ByteWriter keys;
  ckks::write(keys, program().keys);
  expect_survives(file, ckks::Kind::kManifest, parameters_size() + keys.bytes().size(), read_manifest);
}

}  // namespace
}  // namespace blindsight::compiler
