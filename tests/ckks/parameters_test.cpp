#include "blindsight/ckks/parameters.h"

#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "blindsight/base/error.h"
#include "support.h"

namespace blindsight::ckks {
namespace {

TEST(Parameters, SecurityTable) {
  EXPECT_EQ(max_log_qp(12), 106);
  EXPECT_EQ(max_log_qp(13), 214);
  EXPECT_EQ(max_log_qp(14), 430);
  EXPECT_EQ(max_log_qp(15), 868);
  EXPECT_EQ(max_log_qp(16), 1747);
  for (unsigned log_n : {0u, 11u, 17u, 64u, 1u << 31}) EXPECT_THROW(max_log_qp(log_n), InvalidArgument) << log_n;
}

// Widths that sum to just below the limit, and to one bit more. A prime is a little narrower than its width, so one bit
// more is above the limit by nearly one.
TEST(Parameters, JustUnderTheLimitIsTakenAndJustOverRefused) {
  const auto widths = [](unsigned total) {
    const unsigned count = (total + 49) / 50;
    std::vector<unsigned> bits(count, total / count);
    for (unsigned i = 0; i < total % count; ++i) ++bits[i];
    return bits;
  };
  for (unsigned log_n = kMinLogN; log_n <= 14; ++log_n) {
    const auto limit = static_cast<unsigned>(max_log_qp(log_n));
    const auto create = [&](unsigned total) {
      auto bits = widths(total);
      const unsigned p = bits.back();
      bits.pop_back();
      return Context::create(ParametersLiteral::from_bits(log_n, bits, {p}));
    };
    const auto context = create(limit);
    EXPECT_LE(context->log_q() + context->log_p(), limit);
    EXPECT_GT(context->log_q() + context->log_p(), limit - 0.1);
    EXPECT_THROW(create(limit + 1), SecurityError) << log_n;
  }
}

TEST(Parameters, TheKeySwitchingModulusCounts) {
  auto literal = ParametersLiteral::from_bits(12, {50, 50}, {50});
  EXPECT_THROW(Context::create(literal), SecurityError);
  literal.q.pop_back();
  EXPECT_NO_THROW(Context::create(literal));
}

TEST(Parameters, FromBits) {
  const auto literal = ParametersLiteral::from_bits(13, {34, 50, 47, 34}, {50});
  ASSERT_EQ(literal.q.size(), 4u);
  ASSERT_EQ(literal.p.size(), 1u);
  const std::vector<unsigned> bits{34, 50, 47, 34};
  std::set<std::uint64_t> all(literal.p.begin(), literal.p.end());
  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(literal.q[i] >> (bits[i] - 1), 1u);
    EXPECT_EQ(literal.q[i] % (2 << 13), 1u);
    all.insert(literal.q[i]);
  }
  EXPECT_EQ(all.size(), 5u);
  EXPECT_THROW(ParametersLiteral::from_bits(13, {51}, {50}), InvalidArgument);
}

TEST(Parameters, RefusesBadModuli) {
  const auto good = ParametersLiteral::from_bits(13, {40, 41}, {50});
  EXPECT_NO_THROW(Context::create(good));
  const auto refused = [&](auto&& change, const char* what) {
    auto literal = good;
    change(literal);
    EXPECT_THROW(Context::create(std::move(literal)), InvalidArgument) << what;
  };
  const std::uint64_t step = 2 << 13;
  refused([](auto& l) { l.q.clear(); }, "no q");
  refused([](auto& l) { l.p.clear(); }, "no p");
  refused([](auto& l) { l.q[1] = l.q[0]; }, "twice in q");
  refused([](auto& l) { l.p[0] = l.q[0]; }, "in q and in p");
  refused([](auto& l) { l.q[0] += 2; }, "not 1 mod 2N");
  refused([](auto& l) { l.q[0] = 0; }, "0");
  refused([](auto& l) { l.q[0] = 1; }, "1");
  refused([](auto& l) { l.q[0] = 2; }, "2");
  refused(
      [&](auto& l) {
        do l.q[0] += step;
        while (ring::is_prime(l.q[0]));
      },
      "not prime");
  refused(
      [&](auto& l) {
        l.q[0] = (std::uint64_t{1} << 50) + 1;
        while (!ring::is_prime(l.q[0])) l.q[0] += step;
      },
      "51 bits");
  refused([](auto& l) { l.log_n = 11; }, "N = 2^11");
  refused([](auto& l) { l.log_n = 17; }, "N = 2^17");
}

TEST(Parameters, ContextSaysWhatItHolds) {
  const auto context = make_context({"N13Digits2", 13, {40, 30, 30}, {50, 50}, {}});
  EXPECT_EQ(context->n(), 8192u);
  EXPECT_EQ(context->slots(), 4096u);
  EXPECT_EQ(context->max_level(), 2u);
  EXPECT_EQ(context->special_limbs(), 2u);
  EXPECT_EQ(context->digits(0), 1u);
  EXPECT_EQ(context->digits(1), 1u);
  EXPECT_EQ(context->digits(2), 2u);
  EXPECT_NEAR(context->log_q(), 100, 0.1);
  EXPECT_NEAR(context->log_q(1), 70, 0.1);
  EXPECT_NEAR(context->log_p(), 100, 0.1);
  for (unsigned level = 0; level <= 2; ++level) {
    EXPECT_EQ(context->basis(level)->size(), level + 1);
    EXPECT_EQ(context->extended_basis(level)->size(), level + 3);
    EXPECT_TRUE(context->basis(level)->is_prefix_of(*context->extended_basis(level)));
    EXPECT_EQ(context->extended_basis(level)->modulus(level + 2), context->p(1));
  }
  EXPECT_THROW(context->basis(3), std::exception);
}

TEST(Parameters, LevelsMayUseAPartOfP) {
  const auto context = make_context({"ByLevel", 14, {50, 40, 40, 40}, {50, 49, 48}, {1, 1, 3, 2}});
  const std::size_t digits[] = {1, 2, 1, 2}, limbs[] = {2, 3, 6, 6};
  for (unsigned level = 0; level < 4; ++level) {
    const std::size_t alpha = context->literal().special_limbs[level];
    EXPECT_EQ(context->special_limbs(level), alpha);
    EXPECT_EQ(context->digits(level), digits[level]);
    ASSERT_EQ(context->extended_basis(level)->size(), limbs[level]);
    for (std::size_t i = 0; i < alpha; ++i) {
      EXPECT_EQ(context->extended_basis(level)->modulus(level + 1 + i), context->p(i));
    }
    EXPECT_NEAR(context->log_p(level), alpha == 1 ? 50 : alpha == 2 ? 99 : 147, 0.1);
    for (std::size_t i = 0; i <= level; ++i) {
      const ring::Modulus& q = context->q(i);
      std::uint64_t product = 1;
      for (std::size_t j = 0; j < alpha; ++j) product = q.mul(product, q.reduce(context->p(j).value()));
      EXPECT_EQ(context->p_mod_q(level, i), product);
      EXPECT_EQ(q.mul(context->p_inverse_mod_q(level, i), product), 1u);
    }
  }
  EXPECT_EQ(context->full_basis()->size(), 7u);
  EXPECT_THROW(context->special_limbs(4), InvalidArgument);
}

TEST(Parameters, SpecialLimbsAreChecked) {
  const auto base = ParametersLiteral::from_bits(14, {40, 40, 40}, {50, 50});
  for (const std::vector<unsigned>& limbs :
       {std::vector<unsigned>{1, 2}, {1, 2, 1, 1}, {0, 1, 1}, {1, 1, 3}, {1, 1, 0xffffffffu}}) {
    auto literal = base;
    literal.special_limbs = limbs;
    EXPECT_THROW(Context::create(literal), InvalidArgument);
  }
  // Security counts all of P, whatever the levels use.
  auto wide = ParametersLiteral::from_bits(14, {50, 50, 50, 50, 50}, {50, 50, 50, 50});
  wide.special_limbs = {1, 1, 1, 1, 1};
  EXPECT_THROW(Context::create(wide), SecurityError);
  const auto many = ParametersLiteral::from_bits(16, {30}, std::vector<unsigned>(kMaxSpecialLimbs + 1, 30));
  EXPECT_THROW(Context::create(many), InvalidArgument);
  ByteWriter out;
  Context::create(base)->write(out);
  for (std::uint8_t limbs : {0, 3, 255}) {
    Bytes bytes = out.bytes();
    bytes[bytes.size() - 2] = limbs;  // before the number of smaller rings
    ByteReader in(bytes, "parameters");
    EXPECT_THROW(Context::read(in), FormatError);
  }
}

TEST(Parameters, RotationElements) {
  const auto context = make_context(small_set());
  const auto slots = static_cast<int>(context->slots());
  EXPECT_EQ(context->rotation_element(0), 1u);
  EXPECT_EQ(context->rotation_element(1), 3u);
  EXPECT_EQ(context->rotation_element(2), 9u);
  EXPECT_EQ(context->rotation_element(slots), 1u);
  EXPECT_EQ(context->rotation_element(-1), context->rotation_element(slots - 1));
  EXPECT_EQ(context->rotation_element(-1) * 3ull % (2 * context->n()), 1u);
  EXPECT_EQ(context->conjugation_element(), 2 * context->n() - 1);
}

TEST(Parameters, FingerprintTellsParametersApart) {
  const auto base = ParametersLiteral::from_bits(13, {40, 41}, {50});
  const auto fingerprint = Context::create(base)->fingerprint();
  EXPECT_EQ(Context::create(base)->fingerprint(), fingerprint);
  auto swapped = base;
  std::swap(swapped.q[0], swapped.q[1]);
  EXPECT_NE(Context::create(swapped)->fingerprint(), fingerprint);
  auto moved = base;  // the same primes, one of them on the other side
  moved.p.insert(moved.p.begin(), moved.q.back());
  moved.q.pop_back();
  EXPECT_NE(Context::create(moved)->fingerprint(), fingerprint);
  auto spread = ParametersLiteral::from_bits(14, {40, 41}, {50, 49});
  const auto all = Context::create(spread)->fingerprint();
  spread.special_limbs = {2, 2};  // the same, spelt out
  EXPECT_EQ(Context::create(spread)->fingerprint(), all);
  spread.special_limbs = {1, 2};
  EXPECT_NE(Context::create(spread)->fingerprint(), all);
  EXPECT_THROW(require_same_context(*Context::create(base), *Context::create(moved), "it"), KeyMismatch);
  EXPECT_NO_THROW(require_same_context(*Context::create(base), *Context::create(base), "it"));
}

TEST(Parameters, ComeBackFromBytes) {
  for (const auto& set : parameter_sets()) {
    const auto context = make_context(set);
    ByteWriter out;
    context->write(out);
    ByteReader in(out.bytes(), "parameters");
    const auto read = Context::read(in);
    in.finish();
    EXPECT_EQ(read->fingerprint(), context->fingerprint());
    for (std::size_t size = 0; size < out.bytes().size(); ++size) {
      ByteReader cut(std::span(out.bytes()).first(size), "parameters");
      EXPECT_THROW(Context::read(cut), FormatError) << size;
    }
  }
}

TEST(Parameters, BytesAreValidated) {
  ByteWriter out;
  out.u8(12);
  out.u8(3);
  out.u8(1);
  const auto literal = ParametersLiteral::from_bits(12, {50, 50, 50}, {50});
  for (auto q : literal.q) out.u64(q);
  for (auto p : literal.p) out.u64(p);
  for (int level = 0; level < 3; ++level) out.u8(1);
  out.u8(0);
  ByteReader unsafe(out.bytes(), "parameters");
  EXPECT_THROW(Context::read(unsafe), SecurityError);
  Bytes composite = out.bytes();
  composite[3] ^= 2;
  ByteReader in(composite, "parameters");
  EXPECT_THROW(Context::read(in), FormatError);
}

}  // namespace
}  // namespace blindsight::ckks
