// Writes seeds for the parsers of Blindsight's own files: `make_fuzz_seeds DIR` makes DIR/plan/…, DIR/manifest/…,
// DIR/ciphertext/…, DIR/parts/…, DIR/evaluation_keys/…, each a whole file and its payload. Made when the tests run,
// because keys and ciphertexts are too large and too random to be kept.
#include <cstdio>
#include <exception>
#include <filesystem>

#include "blindsight/base/file.h"
#include "blindsight/ckks/encryptor.h"
#include "blindsight/compiler/plan.h"
#include "blindsight/runtime/parts.h"

namespace {

using namespace blindsight;

/// The parameters that fuzz_ciphertext and fuzz_evaluation_keys read with.
ckks::ParametersLiteral parameters() { return ckks::ParametersLiteral::from_bits(12, {36, 30}, {36}); }

/// Two ciphertexts in, one out: a linear map, a bias, a square.
compiler::Program program() {
  using compiler::OpKind;
  compiler::Program p;
  p.parameters = parameters();
  const std::size_t slots = p.slots();
  p.input_level = 1;
  p.input_scale = 0x1p15;
  p.input_elements = 64;
  p.output_elements = 4;
  p.input.element.assign(2 * slots, compiler::kZero);
  for (std::int32_t i = 0; i < 64; ++i) p.input.element[static_cast<std::size_t>(i)] = i;
  p.output.element.assign(slots, compiler::kAnything);
  for (std::int32_t i = 0; i < 4; ++i) p.output.element[static_cast<std::size_t>(i)] = i;
  compiler::Map map;
  map.plan.inputs = 2;
  map.plan.terms = {{0, 0, 0, 0, 0}, {1, 0, 1, 0, 1}, {0, 0, 0, 8, 0}};
  map.plan.folds = {16};
  std::vector<double> few(64), many(512);
  for (std::size_t i = 0; i < few.size(); ++i) few[i] = static_cast<double>(i % 3) / 4;
  for (std::size_t i = 0; i < many.size(); ++i) many[i] = 1 / (1 + static_cast<double>(i));
  map.diagonals = {ckks::Diagonal(few), ckks::Diagonal(many)};
  const double product = static_cast<double>(p.parameters.q[1]) * 0x1p14;
  map.weight_scale = {product / 0x1p15, product / 0x1p15};
  p.maps = {map};
  p.vectors = {ckks::Diagonal(few)};
  p.ops = {{OpKind::kLinearMap, {0, 1}, {2}, 0, 1, product, "fc"},
           {OpKind::kRescale, {2}, {3}, 0, 0, 0x1p14, "fc"},
           {OpKind::kAddVector, {3}, {4}, 0, 0, 0x1p14, "fc"},
           {OpKind::kSquare, {4}, {5}, 0, 0, 0x1p28, "activation"}};
  p.results = {5};
  p.keys = compiler::required_keys(p);
  return p;
}

void write(const std::filesystem::path& folder, const Bytes& file, ckks::Kind kind) {
  std::filesystem::create_directories(folder);
  const std::string name = ckks::name(kind);
  write_file(folder / (name + "-file"), file);
  const auto payload = ckks::open_file(file, kind, name).payload;
  write_file(folder / (name + "-payload"), payload);
}

void make(const std::filesystem::path& folder) {
  const compiler::Program p = program();
  write(folder / "plan", compiler::write_plan(p, "{}"), ckks::Kind::kPlan);
  write(folder / "manifest", compiler::write_manifest(compiler::make_manifest(p, "{}")), ckks::Kind::kManifest);
  const auto context = ckks::Context::create(parameters());
  const ckks::SecretKey secret(context);
  ckks::KeyRequest few;
  few.want_relinearisation(p.parameters, 0);
  few.want_rotation(p.parameters, 1, 0);
  write(folder / "evaluation_keys", ckks::write_evaluation_keys_file(ckks::make_evaluation_keys(secret, few)),
        ckks::Kind::kEvaluationKeys);
  const ckks::Encoder encoder(context);
  const std::vector<double> values{1, 2, 3};
  const auto seeded = ckks::encrypt(secret, encoder.encode(values, 0x1p20, 0));
  const std::vector<ckks::Ciphertext> result{ckks::expand(*context, seeded)};
  write(folder / "ciphertext", ckks::write_input_file(*context, {&seeded, 1}), ckks::Kind::kInput);
  write(folder / "ciphertext", ckks::write_result_file(*context, result), ckks::Kind::kResult);
  const runtime::PartsUpload image{{1, -2, -3}, {seeded}, {{7}, {1, 2, 3, 4}}};
  write(folder / "parts", runtime::write_parts_file(*context, {&image, 1}), ckks::Kind::kPartsInput);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: %s DIR\n", argv[0]);
    return 2;
  }
  try {
    make(argv[1]);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
  return 0;
}
