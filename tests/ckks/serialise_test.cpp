#include "blindsight/ckks/serialise.h"

#include <gtest/gtest.h>

#include <functional>
#include <limits>

#include "blindsight/base/error.h"
#include "blindsight/base/file.h"
#include "support.h"

namespace blindsight::ckks {
namespace {

constexpr std::size_t kHeader = 52, kTrailer = 16;

bool equal(const ring::EvalPoly& a, const ring::EvalPoly& b) {
  return *a.basis() == *b.basis() && std::equal(a.words().begin(), a.words().end(), b.words().begin());
}

bool equal(const KeySwitchKey& a, const KeySwitchKey& b) {
  if (a.level != b.level || a.seed != b.seed || a.a.size() != b.a.size() || a.b.size() != b.b.size()) return false;
  for (std::size_t i = 0; i < a.b.size(); ++i) {
    if (!equal(a.a[i], b.a[i]) || !equal(a.b[i], b.b[i])) return false;
  }
  return true;
}

/// One sound file of every kind, and its reader.
struct Sample {
  const char* name;
  Bytes file;
  std::function<void(std::span<const std::uint8_t>)> read;
};

KeyRequest sample_request() { return keys_for(*make_context(small_set()), 1, {{1, 1}, {-5, 0}}, 0); }

std::vector<Sample> samples() {
  const Bench b(small_set());
  const auto context = b.context;
  const std::vector<SeededCiphertext> inputs{encrypt(b.secret, b.encoder.encode(b.values(1), 1e6, 1)),
                                             encrypt(b.secret, b.encoder.encode(b.values(2), 1e6, 0))};
  const std::vector<Ciphertext> results{expand(*context, inputs[1]), expand(*context, inputs[0])};
  return {{"secret key", write_secret_key_file(b.secret), [](auto file) { read_secret_key_file(file); }},
          {"evaluation keys", write_evaluation_keys_file(make_evaluation_keys(b.secret, sample_request())),
           [](auto file) { read_evaluation_keys_file(file); }},
          {"input", write_input_file(*context, inputs), [context](auto file) { read_input_file(file, *context); }},
          {"result", write_result_file(*context, results), [context](auto file) { read_result_file(file, *context); }}};
}

Bytes payload_of(const Bytes& file) {
  return Bytes(file.begin() + kHeader, file.end() - static_cast<std::ptrdiff_t>(kTrailer));
}

/// The file with its payload changed and sealed again: what a checksum can't catch.
Bytes resealed(const Bytes& file, const std::function<void(Bytes&)>& change) {
  Fingerprint fingerprint;
  std::copy_n(file.begin() + 12, fingerprint.size(), fingerprint.begin());
  Bytes payload = payload_of(file);
  change(payload);
  return seal_file(static_cast<Kind>(file[10]), fingerprint, payload);
}

void put32(Bytes& bytes, std::size_t at, std::uint32_t v) {
  for (std::size_t i = 0; i < 4; ++i) bytes[at + i] = static_cast<std::uint8_t>(v >> (8 * i));
}

// Bytes of the parameters that key files start with: N = 2^12, three primes.
constexpr std::size_t kParameters = 3 + 3 * 8 + 2 + 1;

TEST(Serialise, SecretKeyComesBack) {
  for (const auto& set : parameter_sets()) {
    const SecretKey secret(make_context(set));
    const auto file = write_secret_key_file(secret);
    const auto read = read_secret_key_file(file);
    EXPECT_EQ(read.context()->fingerprint(), secret.context()->fingerprint());
    EXPECT_EQ(read.coefficients(), secret.coefficients());
    EXPECT_TRUE(equal(read.poly(), secret.poly()));
    EXPECT_EQ(write_secret_key_file(read), file);
    EXPECT_LT(file.size(), secret.context()->n() / 4 + 200);
  }
}

TEST(Serialise, EvaluationKeysComeBackWithTheirSeededHalves) {
  for (const auto& set : parameter_sets()) {
    const auto context = make_context(set);
    const SecretKey secret(context);
    const auto slots = static_cast<int>(context->slots());
    const unsigned top = context->max_level();
    KeyRequest all = keys_for(*context, top, {{1, top}, {-2, 0}, {3, 1}, {3 - slots, 0}}, 1);
    for (unsigned level = 0; level < top; ++level) {  // further keys where the special limbs differ
      all.want_relinearisation(context->literal(), level);
      all.want_rotation(context->literal(), 1, level);
    }
    for (const KeyRequest& request :
         {all, KeyRequest{}, keys_for(*context, 0), keys_for(*context, std::nullopt, {{5, 0}})}) {
      const auto keys = make_evaluation_keys(secret, request);
      const auto file = write_evaluation_keys_file(keys);
      EXPECT_EQ(file.size(), evaluation_key_bytes(*context, request));
      const auto read = read_evaluation_keys_file(file);
      EXPECT_EQ(read.context->fingerprint(), context->fingerprint());
      EXPECT_NO_THROW(require_keys(read, request));
      ASSERT_EQ(read.relinearisation.size(), keys.relinearisation.size());
      for (const auto& [limbs, key] : keys.relinearisation) EXPECT_TRUE(equal(read.relinearisation.at(limbs), key));
      ASSERT_EQ(read.galois.size(), keys.galois.size());
      for (const auto& [id, key] : keys.galois) EXPECT_TRUE(equal(read.galois.at(id), key)) << id.element;
      EXPECT_EQ(write_evaluation_keys_file(read), file);
      const auto packed = read_evaluation_keys_file(file, "packed", KeyForm::kPacked);
      EXPECT_EQ(write_evaluation_keys_file(packed), file);
      for (const auto& [limbs, key] : packed.relinearisation) {
        EXPECT_TRUE(equal(expand(key, *context), keys.relinearisation.at(limbs)));
      }
      for (const auto& [id, key] : packed.galois) EXPECT_TRUE(equal(expand(key, *context), keys.galois.at(id)));
    }
  }
}

// Keys made straight into a file and read from it in place: the same format, and they work.
TEST(Serialise, KeysByWayOfAFile) {
  const Bench b(small_set());
  for (const KeyRequest& request : {sample_request(), KeyRequest{}, keys_for(*b.context, 1)}) {
    const TemporaryFile file;
    EXPECT_EQ(save_new_evaluation_keys(file.path(), b.secret, request), evaluation_key_bytes(*b.context, request));
    const Bytes bytes = read_file(file.path());
    const auto packed = load_evaluation_keys(file.path(), KeyForm::kPacked);
    const auto expanded = load_evaluation_keys(file.path(), KeyForm::kExpanded);
    for (const auto* keys : {&packed, &expanded}) {
      EXPECT_NO_THROW(require_keys(*keys, request));
      EXPECT_EQ(write_evaluation_keys_file(*keys), bytes);
    }
    if (request.rotations.empty()) continue;
    const auto a = b.encrypt(b.values(3), std::exp2(30), 1);
    const auto expected = rotated_left(b.decrypt(a), 1);
    EXPECT_LT(largest_difference(b.decrypt(b.evaluator.rotate(a, 1, packed)), expected), 1e-2);
  }
}

TEST(Serialise, DamagedKeyFilesAreRefusedInEveryForm) {
  const Bench b(small_set());
  const TemporaryFile file;
  save_new_evaluation_keys(file.path(), b.secret, sample_request());
  const Bytes whole = read_file(file.path());
  const auto refused = [&](const Bytes& bytes) {
    write_file(file.path(), bytes);
    for (const KeyForm form : {KeyForm::kPacked, KeyForm::kExpanded}) {
      EXPECT_THROW(load_evaluation_keys(file.path(), form), FormatError);
    }
  };
  for (std::size_t i = 0; i < 16; ++i) {
    Bytes flipped = whole;
    flipped[i * (whole.size() - 1) / 15] ^= 1;
    refused(flipped);
    refused({whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(whole.size() * i / 16)});
  }
  // Words that are not below their prime, under a right checksum.
  refused(resealed(whole, [](Bytes& p) { std::fill(p.end() - 1000, p.end(), 0xff); }));
  std::filesystem::remove(file.path());
  EXPECT_THROW(load_evaluation_keys(file.path(), KeyForm::kPacked), IoError);
  write_file(file.path(), whole);
}

TEST(Serialise, CiphertextsComeBack) {
  for (const auto& set : parameter_sets()) {
    const Bench b(set);
    std::vector<SeededCiphertext> inputs;
    std::vector<Ciphertext> results;
    for (unsigned level = 0; level <= b.context->max_level(); ++level) {
      inputs.push_back(encrypt(b.secret, b.encoder.encode(b.values(level), std::exp2(20 + level), level)));
      results.push_back(expand(*b.context, inputs.back()));
    }
    const auto input_file = write_input_file(*b.context, inputs);
    const auto result_file = write_result_file(*b.context, results);
    const auto read_inputs = read_input_file(input_file, *b.context);
    const auto read_results = read_result_file(result_file, *b.context);
    ASSERT_EQ(read_inputs.size(), inputs.size());
    ASSERT_EQ(read_results.size(), results.size());
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      EXPECT_EQ(read_inputs[i].scale, inputs[i].scale);
      EXPECT_EQ(read_inputs[i].seed, inputs[i].seed);
      EXPECT_TRUE(equal(read_inputs[i].body, inputs[i].body));
      EXPECT_EQ(read_results[i].scale, results[i].scale);
      for (int part : {0, 1}) EXPECT_TRUE(equal(read_results[i].parts[part], results[i].parts[part]));
    }
    EXPECT_EQ(write_input_file(*b.context, read_inputs), input_file);
    EXPECT_EQ(write_result_file(*b.context, read_results), result_file);
  }
}

TEST(Serialise, PublicKeyComesBack) {
  const Bench b(small_set());
  const auto key = make_public_key(b.secret);
  ByteWriter out;
  write(out, key);
  ByteReader in(out.bytes(), "public key");
  const auto read = read_public_key(in, *b.context);
  in.finish();
  EXPECT_EQ(read.seed, key.seed);
  EXPECT_TRUE(equal(read.b, key.b));
}

TEST(Serialise, KeyRequestComesBackAndIsChecked) {
  const auto context = make_context(small_set());
  for (const auto& request :
       {sample_request(), KeyRequest{}, keys_for(*context, std::nullopt, {{-2047, 1}, {2047, 0}})}) {
    ByteWriter out;
    write(out, request);
    ByteReader in(out.bytes(), "keys");
    EXPECT_EQ(read_key_request(in, *context), request);
    in.finish();
    for (std::size_t size = 0; size < out.bytes().size(); ++size) {
      ByteReader cut(std::span(out.bytes()).first(size), "keys");
      EXPECT_THROW(read_key_request(cut, *context), FormatError);
    }
  }
  const auto refused = [&](const KeyRequest& request) {
    ByteWriter out;
    write(out, request);
    ByteReader in(out.bytes(), "keys");
    EXPECT_THROW(read_key_request(in, *context), FormatError);
  };
  refused({.relinearisation = {{1, 2}}});
  refused({.conjugation = {{1, 200}}});
  refused({.rotations = {{1, {{1, 2}}}}});
  refused({.rotations = {{1, {}}}});
  refused({.rotations = {{0, {{1, 0}}}}});
  refused({.rotations = {{2048, {{1, 0}}}}});
  refused({.rotations = {{-2048, {{1, 0}}}}});
  // Two levels of the same special limbs; rotations twice, falling, too many.
  for (const Bytes& bytes :
       {Bytes{2, 0, 1, 0, 0, 0, 0, 0}, Bytes{0, 2, 1, 0, 0, 0, 0, 0}, Bytes{0, 0, 1, 0, 0, 0, 5, 0, 0, 0, 2, 0, 1},
        Bytes{0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 1, 0, 1, 0, 0, 0, 1, 0},
        Bytes{0, 0, 2, 0, 0, 0, 2, 0, 0, 0, 1, 0, 1, 0, 0, 0, 1, 0}, Bytes{0, 0, 255, 255, 255, 255}}) {
    ByteReader in(bytes, "keys");
    EXPECT_THROW(read_key_request(in, *context), FormatError);
  }
  const auto by_level = make_context(parameter_sets().back());
  KeyRequest several;
  for (unsigned level = 0; level <= by_level->max_level(); ++level)
    several.want_rotation(by_level->literal(), 1, level);
  ByteWriter out;
  write(out, several);
  EXPECT_EQ(out.bytes(), (Bytes{0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 3, 2, 3, 5, 0}));
  ByteReader in(out.bytes(), "keys");
  EXPECT_EQ(read_key_request(in, *by_level), several);
}

TEST(Serialise, EveryBitOfTheHeaderAndTrailerCounts) {
  for (const auto& sample : samples()) {
    ASSERT_NO_THROW(sample.read(sample.file)) << sample.name;
    for (std::size_t at = 0; at < kHeader + kTrailer; ++at) {
      for (int bit = 0; bit < 8; ++bit) {
        Bytes file = sample.file;
        file[at < kHeader ? at : file.size() - kTrailer + at - kHeader] ^= static_cast<std::uint8_t>(1 << bit);
        EXPECT_THROW(sample.read(file), FormatError) << sample.name << " byte " << at << " bit " << bit;
      }
    }
  }
}

TEST(Serialise, AFlippedBitOfThePayloadIsFound) {
  for (const auto& sample : samples()) {
    std::mt19937_64 random(3);
    for (int i = 0; i < 100; ++i) {
      Bytes file = sample.file;
      file[kHeader + random() % (file.size() - kHeader - kTrailer)] ^= static_cast<std::uint8_t>(1 << (random() % 8));
      EXPECT_THROW(sample.read(file), FormatError) << sample.name;
    }
  }
}

TEST(Serialise, TruncatedAndExtendedFilesAreRefused) {
  for (const auto& sample : samples()) {
    std::vector<std::size_t> sizes;
    for (std::size_t s = 0; s < 200; ++s) sizes.push_back(s);
    for (std::size_t s = 200; s < sample.file.size(); s += 997) sizes.push_back(s);
    for (std::size_t s = sample.file.size() - 20; s < sample.file.size(); ++s) sizes.push_back(s);
    for (std::size_t s : sizes) {
      EXPECT_THROW(sample.read(std::span(sample.file).first(s)), FormatError) << sample.name << " " << s;
    }
    Bytes longer = sample.file;
    longer.push_back(0);
    EXPECT_THROW(sample.read(longer), FormatError);
  }
}

// The same where the checksum is right, so that the payload's own checks are what refuses.
TEST(Serialise, TruncatedAndExtendedPayloadsAreRefused) {
  for (const auto& sample : samples()) {
    const std::size_t size = payload_of(sample.file).size();
    std::vector<std::size_t> sizes;
    for (std::size_t s = 0; s < 150; ++s) sizes.push_back(s);
    for (std::size_t s = 150; s < size; s += 4999) sizes.push_back(s);
    for (std::size_t s = size - 10; s < size; ++s) sizes.push_back(s);
    for (std::size_t s : sizes) {
      EXPECT_THROW(sample.read(resealed(sample.file, [&](Bytes& p) { p.resize(s); })), FormatError)
          << sample.name << " " << s;
    }
    EXPECT_THROW(sample.read(resealed(sample.file, [](Bytes& p) { p.push_back(0); })), FormatError) << sample.name;
    EXPECT_NO_THROW(sample.read(resealed(sample.file, [](Bytes&) {}))) << sample.name;
  }
}

TEST(Serialise, MutatedPayloadsThrowOrRead) {
  for (const auto& sample : samples()) {
    std::mt19937_64 random(4);
    const std::size_t size = payload_of(sample.file).size();
    for (int i = 0; i < 300; ++i) {
      const auto file = resealed(sample.file, [&](Bytes& p) {
        p[i % 2 == 0 ? random() % 100 : random() % size] = static_cast<std::uint8_t>(random());
      });
      try {
        sample.read(file);
      } catch (const Error&) {  // any of ours
      }
    }
  }
}

TEST(Serialise, OtherKindsVersionsAndProgramsAreNamed) {
  const auto all = samples();
  for (const auto& reader : all) {
    for (const auto& file : all) {
      if (&reader == &file) continue;
      EXPECT_THROW(reader.read(file.file), FormatError) << reader.name << " given " << file.name;
    }
  }
  const auto message = [&](const Bytes& file) {
    try {
      open_file(file, Kind::kSecretKey, "my.key");
    } catch (const FormatError& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  EXPECT_NE(message(all[1].file).find("evaluation keys"), std::string::npos) << message(all[1].file);
  Bytes newer = all[0].file;
  newer[8] = 9;
  EXPECT_NE(message(newer).find("version 9"), std::string::npos) << message(newer);
  EXPECT_NE(message(Bytes{'P', 'K', 3, 4}).find("not a Blindsight file"), std::string::npos);
  EXPECT_NE(message(Bytes{}).find("my.key"), std::string::npos);
}

TEST(Serialise, OtherParametersAreAMismatch) {
  const Bench b(small_set());
  const auto other = make_context(parameter_sets()[1]);
  const std::vector<SeededCiphertext> inputs{encrypt(b.secret, b.encoder.encode(b.values(1), 1e6, 1))};
  const std::vector<Ciphertext> results{expand(*b.context, inputs[0])};
  EXPECT_THROW(read_input_file(write_input_file(*b.context, inputs), *other), KeyMismatch);
  EXPECT_THROW(read_result_file(write_result_file(*b.context, results), *other), KeyMismatch);
  // A key whose header names other parameters than it holds.
  const auto payload = payload_of(write_secret_key_file(b.secret));
  EXPECT_THROW(read_secret_key_file(seal_file(Kind::kSecretKey, other->fingerprint(), payload)), FormatError);
}

TEST(Serialise, HugeCountsAreRefusedBeforeAllocation) {
  const auto all = samples();
  for (std::uint32_t count : {3u, 1u << 20, (1u << 20) + 1, 0x7fffffffu, 0xffffffffu, 0u}) {
    for (int i : {2, 3}) {
      EXPECT_THROW(all[static_cast<std::size_t>(i)].read(
                       resealed(all[static_cast<std::size_t>(i)].file, [&](Bytes& p) { put32(p, 0, count); })),
                   FormatError);
    }
    Bytes none(5);  // no relinearisation key, `count` Galois keys and none of them there
    if (count == 0) continue;
    put32(none, 1, count);
    EXPECT_THROW(all[1].read(resealed(all[1].file,
                                      [&](Bytes& p) {
                                        p.resize(kParameters);
                                        p.insert(p.end(), none.begin(), none.end());
                                      })),
                 FormatError);
  }
  Bytes file = all[0].file;
  for (std::size_t i = 44; i < 52; ++i) file[i] = 0xff;
  EXPECT_THROW(all[0].read(file), FormatError);
}

TEST(Serialise, WordsLevelsAndScalesAreChecked) {
  const auto all = samples();
  const auto& input = all[2];
  // count, then level, scale, seed, body.
  const auto refused = [&](const std::function<void(Bytes&)>& change) {
    EXPECT_THROW(input.read(resealed(input.file, change)), FormatError);
  };
  refused([](Bytes& p) { p[4] = 2; });
  refused([](Bytes& p) { p[4] = 255; });
  for (double scale :
       {0.0, -0.0, -1.0, std::numeric_limits<double>::infinity(), std::numeric_limits<double>::quiet_NaN()}) {
    refused([&](Bytes& p) {
      ByteWriter w;
      w.f64(scale);
      std::copy(w.bytes().begin(), w.bytes().end(), p.begin() + 5);
    });
  }
  refused([](Bytes& p) { std::fill_n(p.begin() + 4 + 1 + 8 + 32, 9, 0xff); });  // two words of all ones
}

TEST(Serialise, TheLargestWordIsTakenAndThePrimeRefused) {
  const auto context = make_context(small_set());
  ring::EvalPoly poly(context->basis(1));
  poly.limb(1)[4095] = context->q(1).value() - 1;
  ByteWriter good;
  write(good, poly);
  ByteReader in(good.bytes(), "poly");
  EXPECT_TRUE(equal(read_poly(in, context->basis(1)), poly));
  in.finish();
  poly.limb(1)[4095] = context->q(1).value();
  ByteWriter bad;
  write(bad, poly);
  ByteReader again(bad.bytes(), "poly");
  EXPECT_THROW(read_poly(again, context->basis(1)), FormatError);
}

TEST(Serialise, SecretCoefficientsAreChecked) {
  const auto all = samples();
  EXPECT_THROW(all[0].read(resealed(all[0].file, [](Bytes& p) { p[kParameters + 100] |= 3; })), FormatError);
}

TEST(Serialise, GaloisKeysAreCanonical) {
  const Bench b(small_set());
  const auto file =
      write_evaluation_keys_file(make_evaluation_keys(b.secret, keys_for(*b.context, std::nullopt, {{1, 0}, {2, 0}})));
  const auto refused = [&](const std::function<void(Bytes&)>& change) {
    EXPECT_THROW(read_evaluation_keys_file(resealed(file, change)), FormatError);
  };
  const std::size_t first = kParameters + 1 + 4;
  const std::size_t second = first + (payload_of(file).size() - first) / 2;
  EXPECT_NO_THROW(read_evaluation_keys_file(resealed(file, [&](Bytes& p) { put32(p, second, 11); })));
  refused([&](Bytes& p) { put32(p, second, 3); });     // twice
  refused([&](Bytes& p) { put32(p, first, 11); });     // falling
  refused([&](Bytes& p) { put32(p, first, 1); });      // the identity
  refused([&](Bytes& p) { put32(p, first, 4); });      // even
  refused([&](Bytes& p) { put32(p, second, 8193); });  // beyond 2N
  refused([&](Bytes& p) { p[kParameters] = 1; });      // a relinearisation key that is not there
}

TEST(Serialise, RefusesToWriteWhatCanNotBeRead) {
  const Bench b(small_set());
  const auto three = b.evaluator.square(b.encrypt(b.values(1), 1e6, 1));
  EXPECT_THROW(write_result_file(*b.context, std::vector<Ciphertext>{three}), InvalidArgument);
  EXPECT_THROW(write_result_file(*b.context, std::vector<Ciphertext>{}), InvalidArgument);
  EXPECT_THROW(write_input_file(*b.context, std::vector<SeededCiphertext>{}), InvalidArgument);
}

// No secret in what leaves the client: neither key file nor ciphertext contains the packed secret.
TEST(Serialise, WhatTheServerGetsHoldsNoSecret) {
  const Bench b(small_set());
  const auto secret_file = write_secret_key_file(b.secret);
  const Bytes secret = payload_of(secret_file);
  const std::span needle = std::span(secret).subspan(kParameters, 64);
  const auto keys = write_evaluation_keys_file(make_evaluation_keys(b.secret, sample_request()));
  const std::vector<SeededCiphertext> inputs{encrypt(b.secret, b.encoder.encode(b.values(1), 1e6, 1))};
  const auto input = write_input_file(*b.context, inputs);
  EXPECT_NE(std::search(secret_file.begin(), secret_file.end(), needle.begin(), needle.end()), secret_file.end());
  for (const Bytes* file : {&keys, &input}) {
    EXPECT_EQ(std::search(file->begin(), file->end(), needle.begin(), needle.end()), file->end());
  }
}

}  // namespace
}  // namespace blindsight::ckks
