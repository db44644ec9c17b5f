// Files of every kind, damaged in every way: one clear line, a status that isn't 0, no output.
#include <functional>

#include "program.h"

namespace blindsight::cli::test {
namespace {

namespace fs = std::filesystem;

/// A file of one kind, and the command that reads it.
struct Case {
  std::string name;
  std::string file;  ///< in the workshop
  std::function<std::vector<std::string>(const Workshop&, const std::string& file, const std::string& output)> command;
};

std::string in(const Workshop& shop, const char* name) { return shop.path(name).string(); }

/// A folder of keys with `name` replaced by the given file.
std::string keys_with(const Workshop& shop, const std::string& name, const std::string& file) {
  const fs::path keys = shop.path("keys-with-" + name);
  fs::create_directories(keys);
  for (const char* each : {"secret.key", "manifest.bs"}) {
    fs::copy_file(name == each ? fs::path(file) : shop.path("keys") / each, keys / each,
                  fs::copy_options::overwrite_existing);
  }
  return keys.string();
}

const std::vector<Case>& cases() {
  using Args = std::vector<std::string>;
  static const std::vector<Case> all = {
      {"ManifestToKeygen", "model/manifest.bs",
       [](const Workshop&, const std::string& file, const std::string& output) {
         return Args{"keygen", file, "-o", output};
       }},
      {"ManifestToEncrypt", "model/manifest.bs",
       [](const Workshop& shop, const std::string& file, const std::string& output) {
         return Args{"encrypt", "--keys", keys_with(shop, "manifest.bs", file), shop.images()[0], "-o", output};
       }},
      {"SecretKeyToEncrypt", "keys/secret.key",
       [](const Workshop& shop, const std::string& file, const std::string& output) {
         return Args{"encrypt", "--keys", keys_with(shop, "secret.key", file), shop.images()[0], "-o", output};
       }},
      {"Plan", "model/plan.bs",
       [](const Workshop& shop, const std::string& file, const std::string& output) {
         return Args{"infer", file, "--eval-keys", in(shop, "keys/eval.keys"), in(shop, "x.ct"), "-o", output};
       }},
      {"EvaluationKeys", "keys/eval.keys",
       [](const Workshop& shop, const std::string& file, const std::string& output) {
         return Args{"infer", in(shop, "model/plan.bs"), "--eval-keys", file, in(shop, "x.ct"), "-o", output};
       }},
      {"Input", "x.ct",
       [](const Workshop& shop, const std::string& file, const std::string& output) {
         return Args{"infer", in(shop, "model/plan.bs"), "--eval-keys", in(shop, "keys/eval.keys"), file, "-o", output};
       }},
      {"Result", "y.ct",
       [](const Workshop& shop, const std::string& file, const std::string&) {
         return Args{"decrypt", "--keys", in(shop, "keys"), file};
       }},
  };
  return all;
}

class Damaged : public testing::TestWithParam<Case> {
 protected:
  void SetUp() override {
    NEEDS_MODEL();
    ASSERT_EQ(Workshop::get().trouble(), "");
    whole_ = contents(Workshop::get().path(GetParam().file));
    ASSERT_GT(whole_.size(), 100u);
  }
  void refused(const Bytes& bytes, const std::string& how) const {
    SCOPED_TRACE(how);
    const Workshop& shop = Workshop::get();
    const std::string file = shop.path("damaged-" + GetParam().name).string();
    const std::string output = shop.path("output-" + GetParam().name).string();
    store(file, bytes);
    expect_refusal(program(GetParam().command(shop, file, output)), output);
  }
  Bytes whole_;
};

TEST_P(Damaged, Truncated) {
  for (const std::size_t size :
       {std::size_t{0}, std::size_t{5}, std::size_t{40}, whole_.size() / 2, whole_.size() - 1}) {
    refused({whole_.begin(), whole_.begin() + static_cast<std::ptrdiff_t>(size)}, std::to_string(size) + " bytes");
  }
  Bytes longer = whole_;
  longer.push_back(0);
  refused(longer, "one byte more");
}

TEST_P(Damaged, BitFlipped) {
  for (std::size_t i = 0; i < 8; ++i) {
    const std::size_t at = i < 4 ? 9 + 12 * i : whole_.size() * i / 8;
    Bytes flipped = whole_;
    flipped[at] ^= static_cast<std::uint8_t>(1u << i);
    refused(flipped, "byte " + std::to_string(at));
  }
  Bytes flipped = whole_;
  flipped.back() ^= 1;
  refused(flipped, "last byte");
}

TEST_P(Damaged, OtherVersion) {
  Bytes other = whole_;
  ++other[7];  // after the magic "BLSIGHT"
  refused(other, "version");
}

TEST_P(Damaged, OtherKind) {
  for (const char* other :
       {"model/plan.bs", "model/manifest.bs", "keys/secret.key", "keys/eval.keys", "x.ct", "y.ct"}) {
    const Bytes bytes = contents(Workshop::get().path(other));
    if (bytes != whole_) refused(bytes, other);
  }
  refused(contents(Workshop::get().images()[0]), "an image");
}

INSTANTIATE_TEST_SUITE_P(Files, Damaged, testing::ValuesIn(cases()), [](const auto& file) { return file.param.name; });

/// Another ring's keys, and other keys of the same model.
class WrongKeys : public testing::Test {
 protected:
  void SetUp() override {
    NEEDS_MODEL();
    ASSERT_EQ(shop().trouble(), "");
    ok({"keygen", path("model/manifest.bs"), "-o", path("other-keys"), "--force"});
    ok({"compile", kModel, "--log-n", "14", "-o", path("other-model")});
    ok({"keygen", path("other-model/manifest.bs"), "-o", path("ring-keys"), "--force"});
  }
  static const Workshop& shop() { return Workshop::get(); }
  static std::string path(const std::string& name) { return shop().path(name).string(); }
  static void ok(const std::vector<std::string>& args) {
    const Result result = program(args);
    ASSERT_EQ(result.status, 0) << result.err;
  }
};

TEST_F(WrongKeys, OfAnotherRing) {
  const std::string output = path("wrong.ct");
  expect_refusal(
      program({"infer", path("model/plan.bs"), "--eval-keys", path("ring-keys/eval.keys"), path("x.ct"), "-o", output}),
      output);
  expect_refusal(program({"infer", path("other-model/plan.bs"), "--eval-keys", path("ring-keys/eval.keys"),
                          path("x.ct"), "-o", output}),
                 output);
  expect_refusal(program({"decrypt", "--keys", path("ring-keys"), path("y.ct")}));
  expect_refusal(program({"encrypt", "--keys", path("ring-keys"), "--manifest", path("model/manifest.bs"),
                          shop().images()[0], "-o", output}),
                 output);
}

TEST_F(WrongKeys, OfTheSameModel) {
  expect_refusal(program({"decrypt", "--keys", path("other-keys"), path("y.ct")}));
  ok({"infer", path("model/plan.bs"), "--eval-keys", path("other-keys/eval.keys"), path("x.ct"), "-o",
      path("mixed.ct")});
  expect_refusal(program({"decrypt", "--keys", path("keys"), path("mixed.ct")}));
  expect_refusal(program({"decrypt", "--keys", path("other-keys"), path("mixed.ct")}));
}

}  // namespace
}  // namespace blindsight::cli::test
