#include "blindsight/compiler/work.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace blindsight::compiler {

namespace {

/// Words of the tasks that sum up quotients.
constexpr std::size_t kWordsATask = 8192;
/// 1 MiB: a core's own cache.
constexpr double kCacheWords = 1 << 17;

constexpr double Work::*kAmounts[] = {
    &Work::butterflies, &Work::key_products, &Work::weight_products, &Work::sums,      &Work::conversions,
    &Work::passes,      &Work::packed,       &Work::embeddings,      &Work::key_words, &Work::unpacked,
    &Work::drawn,       &Work::digit_words,  &Work::weight_words};
static_assert(sizeof(Work) == sizeof(kAmounts) / sizeof(kAmounts[0]) * sizeof(double));

std::size_t pieces(std::size_t whole, std::size_t part) { return (whole + part - 1) / part; }

Phases operator+(Phases a, const Phases& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

double real(std::size_t x) { return static_cast<double>(x); }

Phase even(Work work, std::size_t tasks) { return {work, tasks}; }

}  // namespace

Work& Work::operator+=(const Work& other) {
  for (const auto amount : kAmounts) this->*amount += other.*amount;
  return *this;
}

Work operator*(double times, const Work& work) {
  Work product;
  for (const auto amount : kAmounts) product.*amount = times * work.*amount;
  return product;
}

double Phase::share(int threads) const {
  if (threads <= 1) return 1;
  return real(pieces(tasks, static_cast<std::size_t>(threads))) / real(tasks);
}

Work total(const Phases& phases) {
  Work sum;
  for (const Phase& phase : phases) sum += phase.work;
  return sum;
}

double butterflies(std::size_t n) { return real(n / 2) * std::countr_zero(n); }

LevelWork::LevelWork(std::size_t n, unsigned level, unsigned special_limbs, ckks::KeyForm keys)
    : n_(n),
      limbs_(level + 1),
      special_(special_limbs),
      extended_(limbs_ + special_),
      digits_(pieces(limbs_, special_)),
      keys_(keys) {}

std::size_t LevelWork::digit_size(std::size_t digit) const { return std::min(special_, limbs_ - digit * special_); }

double LevelWork::key_words() const { return real(2 * digits_ * extended_ * n_); }

/// From that many primes to that many.
Work LevelWork::convert(std::size_t from, std::size_t to) const {
  if (from == 1) return {.passes = real(to * n_)};
  return {.conversions = real(to * (from + 1) * n_)};
}

Phases LevelWork::prepare() const {
  Work inverse{.butterflies = real(limbs_) * butterflies(n_)}, overflow;
  for (std::size_t d = 0; d < digits_; ++d) {
    if (digit_size(d) == 1) continue;
    inverse.passes += real(digit_size(d) * n_);
    overflow.passes += real(n_);
  }
  return {even(inverse, limbs_), even(overflow, digits_ * pieces(n_, kWordsATask))};
}

/// Limbs are shared out evenly.
Phases LevelWork::mod_up(std::size_t tasks) const {
  Work work;
  for (std::size_t d = 0; d < digits_; ++d) {
    const std::size_t targets = extended_ - digit_size(d);
    work += convert(digit_size(d), targets) + Work{.butterflies = real(targets) * butterflies(n_)};
  }
  return {even(work, tasks)};
}

Phases LevelWork::decompose() const { return prepare() + mod_up(digits_ * extended_); }

Phases LevelWork::inner_product(bool hoisted) const {
  Work work{.key_products = key_words(), .sums = real(2 * extended_ * n_)};
  if (keys_ == ckks::KeyForm::kExpanded) {
    work.key_words = key_words();
  } else {
    work.unpacked = work.drawn = key_words() / 2;
  }
  const double digit_words = key_words() / 2;
  if (hoisted && digit_words > kCacheWords) work.digit_words = digit_words;
  return {even(work, extended_)};
}

Phases LevelWork::mod_down(std::size_t polys) const {
  const double count = real(polys);
  Work inverse{.butterflies = count * real(special_) * butterflies(n_)}, overflow;
  if (special_ > 1) {
    inverse.passes = count * real(special_ * n_);
    overflow.passes = count * real(n_);
  }
  Work forward = count * convert(special_, limbs_);
  forward.butterflies += count * real(limbs_) * butterflies(n_);
  forward.passes += count * real(limbs_ * n_);
  return {even(inverse, polys * special_), even(overflow, polys * pieces(n_, kWordsATask)),
          even(forward, polys * limbs_)};
}

Phases LevelWork::extend() const { return {even({.passes = real(2 * limbs_ * n_)}, 2 * extended_)}; }

Phases LevelWork::add_extended() const { return {even({.passes = real(2 * extended_ * n_)}, 2 * extended_)}; }

Phases LevelWork::rotate_hoisted() const {
  Phases phases = baby();
  phases.back().work.passes += real(limbs_ * n_);
  return phases;
}

Phases LevelWork::baby() const {
  Phases phases = inner_product(true);
  phases.back().work.passes += real(2 * extended_ * n_);  // automorphisms
  return phases;
}

Phases LevelWork::add_rotated_hoisted() const {
  Phases phases = inner_product(true);
  phases.back().work.passes += real(2 * extended_ * n_);  // automorphisms that add
  return phases;
}

Phases LevelWork::add_rotated() const {
  Phases phases = mod_down(1) + prepare();
  Phases last = mod_up(extended_);
  last[0].work += total(inner_product(false));
  last[0].work.passes += real(2 * extended_ * n_);
  return phases + last;
}

Phases LevelWork::relinearise() const {
  Phases last = mod_up(extended_);
  last[0].work += total(inner_product(false));
  Phases down = mod_down(2);
  down.back().work.passes += real(2 * limbs_ * n_);  // added to the other parts
  return prepare() + last + down;
}

Phases LevelWork::finish_rotation() const {
  Phases down = mod_down(2);
  down.back().work.passes += real(3 * limbs_ * n_);  // the body added, both halves through the automorphism
  return down;
}

Phases LevelWork::rotate() const {
  Phases last = mod_up(extended_);
  last[0].work += total(inner_product(false));
  return prepare() + last + finish_rotation();
}

Phases LevelWork::rotate_again() const { return inner_product(true) + finish_rotation(); }

Phases LevelWork::switch_ring() const {
  Phases halves{even({.passes = real(6 * limbs_ * n_)}, limbs_)};  // both parts read, three made
  Phases key_switch = mod_up(extended_);
  key_switch[0].work += total(inner_product(false));
  Phases second = key_switch;
  second[0].work.passes += real(2 * extended_ * n_);
  return halves + prepare() + key_switch + prepare() + second + mod_down(2);
}

Phases LevelWork::square() const { return {even({.passes = real(4 * limbs_ * n_)}, limbs_)}; }

Phases LevelWork::rescale() const {
  const std::size_t rest = 2 * (limbs_ - 1);
  return {even({.butterflies = 2 * butterflies(n_)}, 2),
          even({.butterflies = real(rest) * butterflies(n_), .passes = real(2 * rest * n_)}, rest)};
}

Phases LevelWork::add_vector() const { return {even({.passes = real(limbs_ * n_)}, limbs_)}; }

Phases LevelWork::encode(std::size_t period) const {
  const std::size_t size = 2 * std::max<std::size_t>(period, 8);
  return {even({.embeddings = butterflies(size / 2)}, 1),
          even({.butterflies = real(limbs_) * butterflies(size), .passes = real(limbs_ * size)}, limbs_)};
}

Phases LevelWork::product() const { return {even({.weight_products = real(2 * extended_ * n_)}, extended_)}; }

Phases LevelWork::plain_product() const { return {even({.weight_products = real(2 * limbs_ * n_)}, limbs_)}; }

}  // namespace blindsight::compiler
