#include "blindsight/ckks/linear_transform.h"

#include <algorithm>
#include <numeric>
#include <optional>
#include <set>
#include <string>

#include "blindsight/base/error.h"
#include "blindsight/base/parallel.h"

namespace blindsight::ckks {

namespace {

using Term = LinearTransformPlan::Term;

/// A hoisted rotation shares its ModUp with its siblings.
constexpr double kHoistedCost = 0.6;

double cost(std::span<const Term> terms) {
  std::set<int> babies, giants;
  for (const Term& term : terms) {
    babies.insert(term.baby);
    giants.insert(term.giant);
  }
  babies.erase(0);
  giants.erase(0);
  return kHoistedCost * static_cast<double>(babies.size()) + static_cast<double>(giants.size()) +
         (babies.empty() ? 0 : 1 - kHoistedCost);
}

/// baby = k mod modulus, giant = k − baby, for k in [0, slots) or, with `centred`, in [-slots/2, slots/2).
std::vector<Term> split_by(std::span<const std::uint32_t> rotations, int slots, int modulus, bool centred) {
  std::vector<Term> terms;
  for (std::size_t i = 0; i < rotations.size(); ++i) {
    int k = static_cast<int>(rotations[i]);
    if (centred && k >= slots / 2) k -= slots;
    const int baby = ((k % modulus) + modulus) % modulus;
    const int giant = (((k - baby) % slots) + slots) % slots;
    terms.push_back({baby, giant, static_cast<std::uint32_t>(i)});
  }
  return terms;
}

int positive(int k, int slots) { return ((k % slots) + slots) % slots; }

std::vector<double> rotated_right(std::span<const double> values, std::size_t k) {
  std::vector<double> result(values.size());
  for (std::size_t i = 0; i < values.size(); ++i) result[(i + k) % values.size()] = values[i];
  return result;
}

}  // namespace

std::vector<Term> split_rotations(std::span<const std::uint32_t> rotations, std::uint32_t slots) {
  int step = static_cast<int>(slots);
  for (std::uint32_t k : rotations) {
    if (k >= slots) throw InvalidArgument("a rotation by " + std::to_string(k) + " of " + std::to_string(slots));
    step = std::gcd(step, static_cast<int>(k));
  }
  std::vector<Term> best;
  double best_cost = 0;
  const int n = static_cast<int>(slots);
  for (int modulus = step; modulus <= n; modulus = modulus < 64 * step ? modulus + step : modulus * 2) {
    for (bool centred : {false, true}) {
      auto terms = split_by(rotations, n, modulus, centred);
      const double c = cost(terms);
      if (best.empty() || c < best_cost) {
        best = std::move(terms);
        best_cost = c;
      }
    }
  }
  std::stable_sort(best.begin(), best.end(), [](const Term& a, const Term& b) { return a.giant < b.giant; });
  return best;
}

std::vector<std::vector<int>> fold_rounds(const LinearTransformPlan& plan) {
  std::vector<std::vector<int>> rounds;
  const auto& folds = plan.folds;
  for (std::size_t i = 0; i < folds.size(); i += 2) {
    if (i + 1 < folds.size()) {
      rounds.push_back({folds[i], folds[i + 1], folds[i] + folds[i + 1]});
    } else {
      rounds.push_back({folds[i]});
    }
  }
  return rounds;
}

std::vector<int> rotations_of(const LinearTransformPlan& plan, std::uint32_t slots) {
  std::set<int> all;
  const int n = static_cast<int>(slots);
  for (const Term& term : plan.terms) {
    all.insert(positive(term.baby, n));
    all.insert(positive(term.giant, n));
  }
  for (const auto& round : fold_rounds(plan)) {
    for (int fold : round) all.insert(positive(fold, n));
  }
  all.erase(0);
  return {all.begin(), all.end()};
}

EncodedTransform encode_transform(const Encoder& encoder, const LinearTransformPlan& plan,
                                  std::span<const std::vector<double>> diagonals, double scale, unsigned level) {
  EncodedTransform result{plan, std::vector<ring::EvalPoly>(plan.terms.size()), scale, level};
  parallel_for(plan.terms.size(), [&](std::size_t i) {
    Term& term = result.plan.terms[i];
    const std::vector<double>& diagonal = diagonals[term.diagonal];
    const int giant = positive(term.giant, static_cast<int>(diagonal.size()));
    result.diagonals[i] =
        encoder.encode_extended(rotated_right(diagonal, static_cast<std::size_t>(giant)), scale, level);
    term.diagonal = static_cast<std::uint32_t>(i);
  });
  return result;
}

namespace {

/// Rotations of x by every baby step.
std::map<int, ExtendedCiphertext> baby_steps(const Evaluator& evaluator, std::span<const Term> terms,
                                             const Ciphertext& x, const EvaluationKeys& keys) {
  std::map<int, ExtendedCiphertext> steps;
  for (const Term& term : terms) steps.emplace(term.baby, ExtendedCiphertext{});
  std::vector<std::pair<const int, ExtendedCiphertext>*> entries;
  for (auto& entry : steps) entries.push_back(&entry);
  const bool rotates = steps.size() > 1 || entries[0]->first != 0;
  const Hoisted hoisted = rotates ? evaluator.hoist(x) : Hoisted{&x, {}};
  parallel_for(entries.size(), [&](std::size_t i) {
    entries[i]->second = evaluator.rotate_extended(hoisted, entries[i]->first, keys);
  });
  return steps;
}

/// Inner sums of every giant step.
std::map<int, ExtendedCiphertext> inner_sums(const Evaluator& evaluator, const EncodedTransform& transform,
                                             const std::map<int, ExtendedCiphertext>& babies) {
  struct Group {
    std::vector<const ExtendedCiphertext*> cts;
    std::vector<const ring::EvalPoly*> plains;
  };
  std::map<int, Group> groups;
  for (const Term& term : transform.plan.terms) {
    Group& group = groups[term.giant];
    group.cts.push_back(&babies.at(term.baby));
    group.plains.push_back(&transform.diagonals[term.diagonal]);
  }
  std::map<int, ExtendedCiphertext> sums;
  for (const auto& [giant, group] : groups) {
    sums.emplace(giant, evaluator.dot_plain(group.cts, group.plains, transform.scale));
  }
  return sums;
}

}  // namespace

Ciphertext apply(const Evaluator& evaluator, const EncodedTransform& transform, const Ciphertext& x,
                 const EvaluationKeys& keys) {
  if (transform.plan.terms.empty()) throw InvalidArgument("a linear transform without diagonals");
  if (x.level() != transform.level) {
    throw InvalidArgument("a ciphertext of level " + std::to_string(x.level()) +
                          " for a linear transform encoded at level " + std::to_string(transform.level));
  }
  auto sums = inner_sums(evaluator, transform, baby_steps(evaluator, transform.plan.terms, x, keys));

  const ring::BasisPtr& basis = evaluator.context()->extended_basis(transform.level);
  ExtendedCiphertext total{ring::EvalPoly(basis), ring::EvalPoly(basis), x.scale * transform.scale, transform.level};
  for (const auto& [giant, sum] : sums) {
    if (giant == 0) {
      evaluator.add_inplace(total, sum);
    } else {
      evaluator.add_rotated(total, sum, evaluator.hoist(sum), giant, keys);
    }
  }
  for (const auto& round : fold_rounds(transform.plan)) {
    const auto digits = evaluator.hoist(total);
    ExtendedCiphertext next = total;
    for (int fold : round) evaluator.add_rotated(next, total, digits, fold, keys);
    total = std::move(next);
  }
  return evaluator.mod_down(total);
}

}  // namespace blindsight::ckks
