// Hybrid key switching (Han, Ki 2020) with its passes fused so that a limb stays in cache from one to the next.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <utility>
#include <vector>

#include "blindsight/ckks/base_conversion.h"
#include "blindsight/ckks/keys.h"

namespace blindsight::ckks {

/// ModUp, inner product with a key, ModDown, at every level of a context. Immutable; holds the tables of all base
/// conversions. Limbs are worked on in parallel.
class KeySwitcher {
 public:
  explicit KeySwitcher(ContextPtr context);

  /// Digits of a part over Q_level, each extended to the level's extended basis: the digit's own limbs as they are, the
  /// others by base conversion (ModUp).
  std::vector<ring::EvalPoly> decompose(const ring::EvalPoly& part) const;

  /// Called once for every limb of a sum, in any order and in parallel: limb l of Σ_d digit_d·b_d and of Σ_d
  /// digit_d·a_d, which it may overwrite.
  using UseSums = std::function<void(std::size_t l, std::uint64_t* b, std::uint64_t* a)>;
  /// Words [first, first + count) of a limb of both sums: all, or multiples of kUniformBlock. The first sum starts from
  /// the limb `plus`, where that is not null.
  void inner_product_limb(std::span<const ring::EvalPoly> digits, const KeySwitchKey& key, unsigned level,
                          std::size_t l, std::size_t first, std::size_t count, const std::uint64_t* plus,
                          std::uint64_t* b, std::uint64_t* a) const;
  /// For digits that serve several keys. `key` must be of this level or above and for its special limbs.
  /// The first sum starts from `plus`, of the extended basis, where that is not null.
  void inner_product(std::span<const ring::EvalPoly> digits, const KeySwitchKey& key, unsigned level,
                     const ring::EvalPoly* plus, const UseSums& use) const;
  /// decompose and inner_product in one, a few limbs at a time: the digits never reach memory.
  void switch_key(const ring::EvalPoly& part, const KeySwitchKey& key, const ring::EvalPoly* plus,
                  const UseSums& use) const;

  using Pair = std::pair<ring::EvalPoly, ring::EvalPoly>;
  Pair inner_product(std::span<const ring::EvalPoly> digits, const KeySwitchKey& key, unsigned level) const;
  Pair switch_key(const ring::EvalPoly& part, const KeySwitchKey& key) const;

  /// Called once for every limb l <= level of every polynomial, in any order and in parallel: `correction` is limb l of
  /// the polynomial's centred remainder modulo P, which it may overwrite. (x − correction)/P is the rounded quotient.
  using UseCorrection = std::function<void(std::size_t poly, std::size_t l, std::uint64_t* correction)>;
  /// The first overwrites the special limbs of its polynomials.
  void mod_down_overwriting(std::span<ring::EvalPoly* const> extended, unsigned level, const UseCorrection& use) const;
  void mod_down(std::span<const ring::EvalPoly* const> extended, unsigned level, const UseCorrection& use) const;
  /// out = (x − correction)/P, limb l at this level; out may be either.
  void divide(std::uint64_t* out, const std::uint64_t* x, const std::uint64_t* correction, unsigned level,
              std::size_t l) const;

 private:
  struct Level {
    std::vector<BaseConverter> up;  // a digit to the limbs of the extended basis that are not its own
    BaseConverter down;             // the special limbs to Q_level
  };
  struct Prepared;
  Prepared prepare(const ring::EvalPoly& part) const;
  std::size_t first_limb(unsigned level, std::size_t digit) const;
  void mod_up(const Prepared& source, std::size_t digit, std::size_t first, std::size_t last,
              std::uint64_t* const* out) const;
  void correct(std::span<std::uint64_t* const> special, std::size_t polys, unsigned level,
               const UseCorrection& use) const;

  ContextPtr context_;
  std::vector<Level> levels_;
};

}  // namespace blindsight::ckks
