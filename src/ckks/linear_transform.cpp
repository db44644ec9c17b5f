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

std::vector<int> rotations_of(const LinearTransformPlan& plan, std::uint32_t slots) {
  std::set<int> all;
  const int n = static_cast<int>(slots);
  for (const Term& term : plan.terms) {
    all.insert(positive(term.baby, n));
    all.insert(positive(term.giant, n));
  }
  for (int fold : plan.folds) all.insert(positive(fold, n));
  all.erase(0);
  return {all.begin(), all.end()};
}

EncodedTransform encode_transform(const Encoder& encoder, const LinearTransformPlan& plan,
                                  std::span<const std::vector<double>> diagonals, double scale, unsigned level) {
  EncodedTransform result{plan, std::vector<Plaintext>(plan.terms.size())};
  parallel_for(plan.terms.size(), [&](std::size_t i) {
    Term& term = result.plan.terms[i];
    const std::vector<double>& diagonal = diagonals[term.diagonal];
    result.diagonals[i] =
        encoder.encode(rotated_right(diagonal, static_cast<std::size_t>(
                                                   positive(term.giant, static_cast<int>(diagonal.size())))),
                       scale, level);
    term.diagonal = static_cast<std::uint32_t>(i);
  });
  return result;
}

Ciphertext apply(const Evaluator& evaluator, const EncodedTransform& transform, const Ciphertext& x,
                 const EvaluationKeys& keys) {
  const auto& terms = transform.plan.terms;
  if (terms.empty()) throw InvalidArgument("a linear transform without diagonals");
  std::map<int, std::vector<const Term*>> by_giant;
  std::map<int, std::size_t> baby_index;
  for (const Term& term : terms) {
    by_giant[term.giant].push_back(&term);
    baby_index.emplace(term.baby, 0);
  }
  std::vector<int> babies;
  for (auto& [baby, index] : baby_index) {
    index = babies.size();
    babies.push_back(baby);
  }

  std::vector<Ciphertext> rotated(babies.size());
  const Hoisted hoisted = babies.size() == 1 && babies[0] == 0 ? Hoisted{&x, {}} : evaluator.hoist(x);
  parallel_for(babies.size(), [&](std::size_t i) { rotated[i] = evaluator.rotate(hoisted, babies[i], keys); });

  std::vector<std::pair<int, std::vector<const Term*>>> groups(by_giant.begin(), by_giant.end());
  std::vector<Ciphertext> partial(groups.size());
  parallel_for(groups.size(), [&](std::size_t g) {
    std::vector<const Ciphertext*> cts;
    std::vector<const Plaintext*> plains;
    for (const Term* term : groups[g].second) {
      cts.push_back(&rotated[baby_index.at(term->baby)]);
      plains.push_back(&transform.diagonals[term->diagonal]);
    }
    partial[g] = evaluator.dot_plain(cts, plains);
    if (groups[g].first != 0) partial[g] = evaluator.rotate(partial[g], groups[g].first, keys);
  });
  Ciphertext result = std::move(partial[0]);
  for (std::size_t g = 1; g < partial.size(); ++g) evaluator.add_inplace(result, partial[g]);
  for (int fold : transform.plan.folds) evaluator.add_inplace(result, evaluator.rotate(result, fold, keys));
  return result;
}

}  // namespace blindsight::ckks
