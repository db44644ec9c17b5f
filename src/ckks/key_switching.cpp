#include "blindsight/ckks/key_switching.h"

#include <algorithm>

#include "blindsight/base/parallel.h"
#include "blindsight/ring/kernels.h"

namespace blindsight::ckks {

namespace {

using ring::EvalPoly;
using ring::kernels;
using ring::Modulus;
using Words = ring::AlignedVector<std::uint64_t>;

// Most limbs converted in one go. Every load of a row serves all of them; more would not stay in cache until they are
// used.
constexpr std::size_t kGroup = 2;
// Words that one task sums up.
constexpr std::size_t kChunk = 8192;

/// Limbs in groups of nearly one size, as many for every thread where there are enough of them.
struct Groups {
  explicit Groups(std::size_t all)
      : limbs(all),
        count(std::min(all, rounded_up((all + kGroup - 1) / kGroup, static_cast<std::size_t>(thread_count())))) {}
  std::size_t first(std::size_t group) const { return group * limbs / count; }
  static std::size_t rounded_up(std::size_t x, std::size_t multiple) {
    return (x + multiple - 1) / multiple * multiple;
  }
  std::size_t limbs, count;
};

}  // namespace

KeySwitcher::KeySwitcher(ContextPtr context) : context_(std::move(context)) {
  for (unsigned level = 0; level <= context_->max_level(); ++level) {
    const ring::Basis& extended = *context_->extended_basis(level);
    const std::size_t alpha = context_->special_limbs(level);
    std::vector<BaseConverter> up;
    for (std::size_t d = 0; d < context_->digits(level); ++d) {
      BaseConverter::Moduli from, to;
      for (std::size_t l = 0; l < extended.size(); ++l) {
        const bool own = l <= level && l >= d * alpha && l < (d + 1) * alpha;
        (own ? from : to).push_back(&extended.modulus(l));
      }
      up.emplace_back(std::move(from), std::move(to));
    }
    BaseConverter::Moduli special, q;
    for (std::size_t i = 0; i < alpha; ++i) special.push_back(&context_->p(i));
    for (std::size_t l = 0; l <= level; ++l) q.push_back(&context_->q(l));
    levels_.push_back({std::move(up), BaseConverter(std::move(special), std::move(q))});
  }
}

std::size_t KeySwitcher::first_limb(unsigned level, std::size_t digit) const {
  return std::min<std::size_t>(digit * context_->special_limbs(level), level + 1);
}

/// A part's digits as convert wants them.
struct KeySwitcher::Prepared {
  const EvalPoly& part;
  unsigned level;
  Words words;
  std::vector<std::vector<const std::uint64_t*>> rows;  // of every digit
};

KeySwitcher::Prepared KeySwitcher::prepare(const EvalPoly& part) const {
  const auto level = static_cast<unsigned>(part.limbs()) - 1;
  const std::size_t n = part.n(), limbs = part.limbs(), alpha = context_->special_limbs(level);
  const auto& up = levels_[level].up;
  Prepared prepared{part, level, Words((limbs + up.size()) * n), {}};
  std::uint64_t* const words = prepared.words.data();
  parallel_for(limbs, [&](std::size_t l) {
    std::uint64_t* const limb = words + l * n;
    std::copy_n(part.limb(l), n, limb);
    kernels().ntt_inverse(limb, n, part.basis()->tables(l));
    up[l / alpha].scale(limb, l % alpha, n);
  });
  for (std::size_t d = 0; d < up.size(); ++d) {
    auto& rows = prepared.rows.emplace_back();
    for (std::size_t j = 0; j < up[d].inputs(); ++j) rows.push_back(words + (d * alpha + j) * n);
    if (up[d].rows() > up[d].inputs()) rows.push_back(words + (limbs + d) * n);
  }
  const std::size_t chunk = std::min(n, kChunk);
  parallel_for(up.size() * (n / chunk), [&](std::size_t task) {
    const std::size_t d = task % up.size(), at = task / up.size() * chunk;
    std::vector<const std::uint64_t*> y(prepared.rows[d].begin(),
                                        prepared.rows[d].begin() + static_cast<std::ptrdiff_t>(up[d].inputs()));
    for (auto& row : y) row += at;
    up[d].overflow(words + (limbs + d) * n + at, y, chunk);
  });
  return prepared;
}

/// Limbs [first, last) of a digit; out[i] for limb first + i, left alone where the limb is the digit's own.
void KeySwitcher::mod_up(const Prepared& source, std::size_t digit, std::size_t first, std::size_t last,
                         std::uint64_t* const* out) const {
  const unsigned level = source.level;
  const BaseConverter& up = levels_[level].up[digit];
  const ring::Basis& extended = *context_->extended_basis(level);
  const std::size_t n = extended.n(), own = first_limb(level, digit), own_end = first_limb(level, digit + 1);
  std::vector<std::uint64_t*> targets;
  for (std::size_t l = first; l < last; ++l) {
    if (l < own || l >= own_end) targets.push_back(out[l - first]);
  }
  if (targets.empty()) return;
  // Targets are the limbs but the digit's own.
  const std::size_t start = first <= own ? first : std::max(first, own_end) - (own_end - own);
  up.convert(targets.data(), source.rows[digit], start, targets.size(), n);
  for (std::size_t l = first; l < last; ++l) {
    if (l < own || l >= own_end) kernels().ntt_forward(out[l - first], n, extended.tables(l));
  }
}

std::vector<EvalPoly> KeySwitcher::decompose(const EvalPoly& part) const {
  const Prepared source = prepare(part);
  const ring::BasisPtr& extended = context_->extended_basis(source.level);
  const std::size_t n = extended->n();
  const Groups groups(extended->size());
  std::vector<EvalPoly> digits;
  for (std::size_t d = 0; d < source.rows.size(); ++d) digits.push_back(EvalPoly::uninitialised(extended));
  parallel_for(digits.size() * groups.count, [&](std::size_t task) {
    const std::size_t d = task / groups.count, g = task % groups.count;
    const std::size_t first = groups.first(g), last = groups.first(g + 1);
    std::uint64_t* out[kGroup];
    for (std::size_t l = first; l < last; ++l) {
      out[l - first] = digits[d].limb(l);
      if (l >= first_limb(source.level, d) && l < first_limb(source.level, d + 1)) {
        std::copy_n(part.limb(l), n, out[l - first]);
      }
    }
    mod_up(source, d, first, last, out);
  });
  return digits;
}

namespace {

/// Words of a limb of Σ_d digit_d·b_d, plus `plus` where that is not null, and of Σ_d digit_d·a_d: `count` from `first`
/// on, where `digits` and `plus` begin.
void multiply_limb(std::uint64_t* b, std::uint64_t* a, const std::uint64_t* plus,
                   std::span<const std::uint64_t* const> digits, const KeySwitchKey& key, const Context& context,
                   std::size_t limb, std::size_t first, std::size_t count) {
  const ring::Basis& basis = *context.extended_basis(key.level);
  const std::size_t terms = digits.size();
  const Modulus& q = basis.modulus(limb);
  std::vector<const std::uint64_t*> rows(2 * terms);
  if (!key.packed) {
    for (std::size_t d = 0; d < terms; ++d) {
      rows[d] = key.b[d].limb(limb) + first;
      rows[terms + d] = key.a[d].limb(limb) + first;
    }
    kernels().dot_pair(b, a, plus, digits.data(), rows.data(), rows.data() + terms, terms, count, q);
    return;
  }
  const auto offsets = packed_offsets(basis);
  // Those of all digits stay in a core's cache until they are used.
  const std::size_t chunk = std::min(count, kUniformBlock);
  Words words(2 * terms * chunk);
  UniformWords uniform(key.seed);
  for (std::size_t i = 0; i < 2 * terms; ++i) rows[i] = words.data() + i * chunk;
  std::vector<const std::uint64_t*> x(digits.begin(), digits.end());
  const auto packed = [&](std::size_t d, std::size_t at) {
    return key.packed.get() + d * offsets.back() + offsets[limb] + packed_size(first + at, q.bits());
  };
  for (std::size_t at = 0; at < count; at += chunk) {
    // What comes from memory is on its way while the rest is drawn.
    for (std::size_t d = 0; d < terms; ++d) {
      ring::prefetch(packed(d, at), ring::kUnpackAhead);
      ring::prefetch(x[d], chunk * sizeof(std::uint64_t));
      uniform.make({words.data() + (terms + d) * chunk, chunk}, q, d, limb, first + at);
    }
    for (std::size_t d = 0; d < terms; ++d)
      kernels().unpack(words.data() + d * chunk, packed(d, at), q.bits(), chunk, q.value());
    kernels().dot_pair(b + at, a + at, plus == nullptr ? nullptr : plus + at, x.data(), rows.data(),
                       rows.data() + terms, terms, chunk, q);
    for (auto& row : x) row += chunk;
  }
}

}  // namespace

void KeySwitcher::inner_product_limb(std::span<const EvalPoly> digits, const KeySwitchKey& key, unsigned level,
                                     std::size_t l, std::size_t first, std::size_t count, const std::uint64_t* plus,
                                     std::uint64_t* b, std::uint64_t* a) const {
  std::vector<const std::uint64_t*> x(digits.size());
  for (std::size_t d = 0; d < digits.size(); ++d) x[d] = digits[d].limb(l) + first;
  multiply_limb(b, a, plus == nullptr ? nullptr : plus + first, x, key, *context_, key_limb(key, level, l), first,
                count);
}

void KeySwitcher::inner_product(std::span<const EvalPoly> digits, const KeySwitchKey& key, unsigned level,
                                const EvalPoly* plus, const UseSums& use) const {
  const ring::Basis& extended = *context_->extended_basis(level);
  const std::size_t n = extended.n();
  parallel_for(extended.size(), [&](std::size_t l) {
    Words sums(2 * n);
    inner_product_limb(digits, key, level, l, 0, n, plus == nullptr ? nullptr : plus->limb(l), sums.data(),
                       sums.data() + n);
    use(l, sums.data(), sums.data() + n);
  });
}

KeySwitcher::Pair KeySwitcher::inner_product(std::span<const EvalPoly> digits, const KeySwitchKey& key,
                                             unsigned level) const {
  const ring::BasisPtr& extended = context_->extended_basis(level);
  Pair result{EvalPoly::uninitialised(extended), EvalPoly::uninitialised(extended)};
  parallel_for(extended->size(), [&](std::size_t l) {
    inner_product_limb(digits, key, level, l, 0, extended->n(), nullptr, result.first.limb(l), result.second.limb(l));
  });
  return result;
}

void KeySwitcher::switch_key(const EvalPoly& part, const KeySwitchKey& key, const EvalPoly* plus,
                             const UseSums& use) const {
  const Prepared source = prepare(part);
  const unsigned level = source.level;
  const ring::Basis& extended = *context_->extended_basis(level);
  const std::size_t n = extended.n(), digits = source.rows.size();
  const Groups groups(extended.size());
  parallel_for(groups.count, [&](std::size_t group) {
    const std::size_t first = groups.first(group), last = groups.first(group + 1), count = last - first;
    Words scratch((digits * count + 2) * n);
    std::uint64_t* const sums = scratch.data() + digits * count * n;
    for (std::size_t d = 0; d < digits; ++d) {
      std::uint64_t* out[kGroup];
      for (std::size_t i = 0; i < count; ++i) out[i] = scratch.data() + (d * count + i) * n;
      mod_up(source, d, first, last, out);
    }
    for (std::size_t l = first; l < last; ++l) {
      std::vector<const std::uint64_t*> x(digits);
      for (std::size_t d = 0; d < digits; ++d) {
        const bool own = l >= first_limb(level, d) && l < first_limb(level, d + 1);
        x[d] = own ? part.limb(l) : scratch.data() + (d * count + l - first) * n;
      }
      multiply_limb(sums, sums + n, plus == nullptr ? nullptr : plus->limb(l), x, key, *context_,
                    key_limb(key, level, l), 0, n);
      use(l, sums, sums + n);
    }
  });
}

KeySwitcher::Pair KeySwitcher::switch_key(const EvalPoly& part, const KeySwitchKey& key) const {
  const ring::BasisPtr& extended = context_->extended_basis(static_cast<unsigned>(part.limbs()) - 1);
  Pair result{EvalPoly::uninitialised(extended), EvalPoly::uninitialised(extended)};
  switch_key(part, key, nullptr, [&](std::size_t l, std::uint64_t* b, std::uint64_t* a) {
    std::copy_n(b, part.n(), result.first.limb(l));
    std::copy_n(a, part.n(), result.second.limb(l));
  });
  return result;
}

void KeySwitcher::mod_down_overwriting(std::span<EvalPoly* const> extended, unsigned level,
                                       const UseCorrection& use) const {
  std::vector<std::uint64_t*> special;
  for (EvalPoly* poly : extended) {
    for (std::size_t i = 0; i < context_->special_limbs(level); ++i) special.push_back(poly->limb(level + 1 + i));
  }
  correct(special, extended.size(), level, use);
}

void KeySwitcher::mod_down(std::span<const EvalPoly* const> extended, unsigned level, const UseCorrection& use) const {
  const std::size_t n = context_->n(), alpha = context_->special_limbs(level);
  Words words(extended.size() * alpha * n);
  std::vector<std::uint64_t*> special(extended.size() * alpha);
  parallel_for(special.size(), [&](std::size_t i) {
    special[i] = words.data() + i * n;
    std::copy_n(extended[i / alpha]->limb(level + 1 + i % alpha), n, special[i]);
  });
  correct(special, extended.size(), level, use);
}

/// The special limbs of all polynomials, one after the other, in the evaluation domain; they are overwritten.
void KeySwitcher::correct(std::span<std::uint64_t* const> special, std::size_t polys, unsigned level,
                          const UseCorrection& use) const {
  const std::size_t n = context_->n(), alpha = context_->special_limbs(level), limbs = level + 1;
  const BaseConverter& down = levels_[level].down;
  parallel_for(special.size(), [&](std::size_t i) {
    kernels().ntt_inverse(special[i], n, context_->special_basis()->tables(i % alpha));
    down.scale(special[i], i % alpha, n);
  });
  Words overflow(polys * n);
  std::vector<std::vector<const std::uint64_t*>> rows(polys);
  for (std::size_t p = 0; p < polys; ++p) {
    const auto own = special.subspan(p * alpha, alpha);
    rows[p].assign(own.begin(), own.end());
  }
  const std::size_t chunk = std::min(n, kChunk);
  parallel_for(polys * (n / chunk), [&](std::size_t task) {
    const std::size_t p = task % polys, at = task / polys * chunk;
    std::vector<const std::uint64_t*> y = rows[p];
    for (auto& row : y) row += at;
    down.overflow(overflow.data() + p * n + at, y, chunk);
  });
  if (down.rows() > alpha) {
    for (std::size_t p = 0; p < polys; ++p) rows[p].push_back(overflow.data() + p * n);
  }
  const Groups groups(limbs);
  parallel_for(polys * groups.count, [&](std::size_t task) {
    const std::size_t p = task / groups.count, g = task % groups.count;
    const std::size_t first = groups.first(g), last = groups.first(g + 1);
    Words scratch((last - first) * n);
    std::uint64_t* out[kGroup];
    for (std::size_t l = first; l < last; ++l) out[l - first] = scratch.data() + (l - first) * n;
    down.convert(out, rows[p], first, last - first, n);
    for (std::size_t l = first; l < last; ++l) {
      kernels().ntt_forward(out[l - first], n, context_->basis(level)->tables(l));
      use(p, l, out[l - first]);
    }
  });
}

void KeySwitcher::divide(std::uint64_t* out, const std::uint64_t* x, const std::uint64_t* correction, unsigned level,
                         std::size_t l) const {
  kernels().sub_mul_scalar(out, x, correction, context_->p_inverse_mod_q(level, l), context_->n(), context_->q(l));
}

}  // namespace blindsight::ckks
