#include "blindsight/compiler/plan.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <random>

#include "blindsight/base/error.h"
#include "blindsight/compiler/compile.h"
#include "random_chain.h"

namespace blindsight::compiler {
namespace {

const Program& program() {
  static const Program p = compile(test::random_chain(11, {24, 12, 5})).program;
  return p;
}

TEST(Plan, ComesBackAsItWas) {
  const Bytes file = write_plan(program(), "{\"name\": \"x\"}");
  const Plan plan = read_plan(file);
  EXPECT_EQ(plan.card, "{\"name\": \"x\"}");
  EXPECT_EQ(plan.program.keys, program().keys);
  EXPECT_EQ(plan.program.input, program().input);
  EXPECT_EQ(plan.program.output, program().output);
  ASSERT_EQ(plan.program.transforms.size(), program().transforms.size());
  for (std::size_t i = 0; i < program().transforms.size(); ++i) {
    EXPECT_EQ(plan.program.transforms[i].diagonals, program().transforms[i].diagonals);
  }
  EXPECT_EQ(write_plan(plan.program, plan.card), file);
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
  const Bytes file = write_manifest(make_manifest(program(), "card"));
  for (const Transform& transform : program().transforms) {
    for (const auto& diagonal : transform.diagonals) {
      for (const double w : diagonal) {
        if (w == 0) continue;
        std::uint8_t bytes[8];
        std::memcpy(bytes, &w, 8);
        EXPECT_EQ(std::search(file.begin(), file.end(), bytes, bytes + 8), file.end());
      }
    }
  }
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

/// Damage below the checksum: seals altered payloads anew.
template <typename Read>
void expect_survives(const Bytes& file, ckks::Kind kind, Read read) {
  const ckks::OpenedFile opened = ckks::open_file(file, kind, "file");
  std::mt19937_64 random(2);
  for (std::size_t i = 0; i < 200; ++i) {
    Bytes payload(opened.payload.begin(), opened.payload.end());
    const std::size_t near = i % 2 == 0 ? payload.size() : std::min<std::size_t>(payload.size(), 300);
    payload[random() % near] = i % 3 == 0 ? 0xff : static_cast<std::uint8_t>(random());
    if (i % 5 == 0) payload.resize(random() % payload.size());
    try {
      read(ckks::seal_file(kind, opened.fingerprint, payload));
    } catch (const Error&) {
    }
  }
}

TEST(Plan, RefusesDamage) {
  const Bytes file = write_plan(program(), "card");
  expect_refused(file, read_plan);
  expect_survives(file, ckks::Kind::kPlan, read_plan);
  EXPECT_THROW(read_plan(write_manifest(make_manifest(program(), ""))), FormatError);
}

TEST(Manifest, RefusesDamage) {
  const Bytes file = write_manifest(make_manifest(program(), "card"));
  expect_refused(file, read_manifest);
  expect_survives(file, ckks::Kind::kManifest, read_manifest);
}

}  // namespace
}  // namespace blindsight::compiler
