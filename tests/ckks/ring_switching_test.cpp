#include "blindsight/ckks/ring_switching.h"

#include <filesystem>

#include "blindsight/base/error.h"
#include "blindsight/base/file.h"
#include "blindsight/ckks/serialise.h"
#include "blindsight/ring/kernels.h"
#include "support.h"

namespace blindsight::ckks {
namespace {

/// Rings of 2^14, 2^13 and 2^12.
ParametersLiteral three_rings() {
  auto literal = ParametersLiteral::from_bits(14, {50, 40, 40, 40, 40}, {50, 50});
  literal.smaller = {{2, 1}, {0, 1}};
  return literal;
}

/// Everything that belongs to one ring of the chain.
struct Ring {
  explicit Ring(ContextPtr c) : context(std::move(c)), encoder(context), evaluator(context), noise(*context) {}
  ContextPtr context;
  Encoder encoder;
  Evaluator evaluator;
  Noise noise;
};

std::vector<double> means(std::span<const double> values) {
  std::vector<double> out(values.size() / 2);
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = (values[i] + values[i + out.size()]) / 2;
  return out;
}

class RingSwitching : public testing::Test {
 protected:
  RingSwitching()
      : context(Context::create(three_rings())),
        large(context),
        middle(context->smaller()),
        small(context->smaller()->smaller()),
        secret(context) {}

  Ciphertext encrypt(std::span<const double> values, unsigned level) const {
    return expand(*context, ckks::encrypt(secret, large.encoder.encode(values, kScale, level)));
  }
  /// Of a fresh encryption that was switched `times` times.
  double bound(unsigned level, int times) const {
    double sum = large.noise.slot(large.noise.secret_key() + large.noise.rounding());
    const Ring* const rings[] = {&middle, &small};
    for (int i = 0; i < times; ++i)
      sum += std::sqrt(2.0) *
             rings[i]->noise.product_slot(rings[i]->noise.key_switch(std::min(level, rings[i]->context->max_level())));
    return sum / kScale;
  }

  static constexpr double kScale = 0x1p30;
  ContextPtr context;
  Ring large, middle, small;
  SecretKey secret;
};

TEST_F(RingSwitching, SlotsBecomeMeansInTheirOrder) {
  const auto keys = make_evaluation_keys(secret, {});
  const auto values = random_values(context->slots(), 1);
  for (unsigned level = 0; level <= 2; ++level) {
    const Ciphertext switched = middle.evaluator.switch_ring(encrypt(values, level), keys.smaller[0]);
    EXPECT_EQ(switched.level(), level);
    EXPECT_EQ(switched.scale, kScale);
    EXPECT_EQ(switched.parts[0].n(), context->n() / 2);
    expect_close(middle.encoder.decode(decrypt(*secret.smaller(), switched)), means(values), bound(level, 1));
  }
}

TEST_F(RingSwitching, TwiceAndThenOn) {
  KeyRequest request;
  request.in_ring(1).want_rotation(middle.context->literal(), 5, 1);
  request.in_ring(2).want_rotation(small.context->literal(), -3, 0);
  for (const KeyForm form : {KeyForm::kExpanded, KeyForm::kPacked}) {
    const auto keys = make_evaluation_keys(secret, request, form);
    const auto values = random_values(context->slots(), 2);
    Ciphertext x = middle.evaluator.switch_ring(encrypt(values, 1), keys.smaller[0]);
    x = middle.evaluator.rotate(x, 5, keys.smaller[0]);
    middle.evaluator.drop_to_level_inplace(x, 0);
    x = small.evaluator.switch_ring(x, keys.smaller[0].smaller[0]);
    x = small.evaluator.rotate(x, -3, keys.smaller[0].smaller[0]);
    const auto expected = rotated_left(means(rotated_left(means(values), 5)), -3);
    expect_close(small.encoder.decode(decrypt(*secret.smaller()->smaller(), x)), expected, 3 * bound(1, 2));
  }
}

TEST_F(RingSwitching, SplittingKeepsTheCoefficients) {
  Prng prng(random_seed());
  const ring::EvalPoly a = ring::to_eval(sample_ternary(context->basis(2), prng));
  const Halves halves = split(a, *middle.context);
  const auto whole = ring::to_coeff(a);
  const auto even = ring::to_coeff(halves.even), odd = ring::to_coeff(halves.shifted_odd);
  EXPECT_TRUE(std::ranges::equal(even_half(a, *middle.context).words(), halves.even.words()));
  const std::size_t half = context->n() / 2;
  for (std::size_t l = 0; l <= 2; ++l) {
    const ring::Modulus& q = context->q(l);
    for (std::size_t i = 0; i < half; ++i) {
      ASSERT_EQ(even.limb(l)[i], whole.limb(l)[2 * i]);
      // Y·odd(Y): the last coefficient comes round with its sign changed.
      const std::uint64_t shifted = whole.limb(l)[2 * ((i + half - 1) % half) + 1];
      ASSERT_EQ(odd.limb(l)[i], i == 0 ? q.sub(0, shifted) : shifted);
    }
  }
}

TEST_F(RingSwitching, RefusesWhatDoesNotFit) {
  const auto keys = make_evaluation_keys(secret, {});
  const Ciphertext high = encrypt(random_values(context->slots(), 3), 3);
  EXPECT_THROW(middle.evaluator.switch_ring(high, keys.smaller[0]), InvalidArgument);
  const Ciphertext low = encrypt(random_values(context->slots(), 3), 0);
  EXPECT_THROW(small.evaluator.switch_ring(low, keys.smaller[0].smaller[0]), InvalidArgument);
  EXPECT_THROW(large.evaluator.switch_ring(low, keys), KeyMismatch);
  EXPECT_THROW(middle.evaluator.switch_ring(low, keys), KeyMismatch);
  KeyRequest more;
  more.in_ring(3).want_rotation(small.context->literal(), 1, 0);
  EXPECT_THROW(make_evaluation_keys(secret, more), InvalidArgument);
}

TEST_F(RingSwitching, EveryRingIsHeldToItsOwnSecurity) {
  auto literal = three_rings();
  literal.smaller = {{3, 1}};
  EXPECT_THROW(Context::create(literal), SecurityError);  // 220 bits at 2^13
  literal.smaller = {{2, 2}};
  EXPECT_THROW(Context::create(literal), SecurityError);
  literal.smaller = {{2, 1}, {1, 1}};
  EXPECT_THROW(Context::create(literal), SecurityError);
  literal.smaller = {{5, 1}};
  EXPECT_THROW(Context::create(literal), InvalidArgument);
  literal.smaller = {{2, 0}};
  EXPECT_THROW(Context::create(literal), InvalidArgument);
  literal.smaller = {{2, 1}, {0, 1}, {0, 1}};
  EXPECT_THROW(Context::create(literal), InvalidArgument);  // 2^11
  literal.smaller = {{2, 1}};
  EXPECT_NE(Context::create(literal)->fingerprint(), context->fingerprint());
}

TEST_F(RingSwitching, KeysOfAllRingsTravel) {
  KeyRequest request;
  request.want_rotation(context->literal(), 1, 3);
  request.in_ring(1).want_relinearisation(middle.context->literal(), 2);
  request.in_ring(2).want_rotation(small.context->literal(), 7, 0);
  ByteWriter out;
  write(out, request);
  ByteReader in(out.bytes(), "request");
  EXPECT_EQ(read_key_request(in, *context), request);

  const TemporaryFile file;
  const std::size_t bytes = save_new_evaluation_keys(file.path(), secret, request);
  EXPECT_EQ(bytes, std::filesystem::file_size(file.path()));
  EXPECT_EQ(bytes, evaluation_key_bytes(*context, request));
  const SecretKey again = read_secret_key_file(write_secret_key_file(secret));
  for (const KeyForm form : {KeyForm::kExpanded, KeyForm::kPacked}) {
    const EvaluationKeys keys = load_evaluation_keys(file.path(), form);
    require_keys(keys, request);
    EXPECT_EQ(write_evaluation_keys_file(keys), read_file(file.path()));
    const auto values = random_values(context->slots(), 4);
    const Ciphertext x = middle.evaluator.switch_ring(encrypt(values, 2), keys.smaller[0]);
    expect_close(middle.encoder.decode(decrypt(*again.smaller(), x)), means(values), bound(2, 1));
  }
  const Bytes whole = read_file(file.path());
  for (const std::size_t cut : {std::size_t{100}, whole.size() / 2, whole.size() - 1}) {
    EXPECT_THROW(read_evaluation_keys_file(std::span(whole).first(cut)), FormatError);
  }
  request.in_ring(2).want_rotation(small.context->literal(), 9, 0);
  EXPECT_THROW(require_keys(load_evaluation_keys(file.path(), KeyForm::kPacked), request), KeyMismatch);
}

}  // namespace
}  // namespace blindsight::ckks
