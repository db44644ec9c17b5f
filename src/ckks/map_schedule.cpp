#include "blindsight/ckks/map_schedule.h"

#include <algorithm>
#include <iterator>
#include <limits>
#include <map>
#include <string>
#include <tuple>
#include <utility>

#include "blindsight/base/error.h"

namespace blindsight::ckks {

namespace {

constexpr std::size_t kMaxTerms = 4096;  // of a dot kernel
/// At most one in so many products of a tile is one by zero.
constexpr std::size_t kZerosAccepted = 8;

int wrapped(int k, std::uint32_t slots) {
  const auto n = static_cast<int>(slots);
  return ((k % n) + n) % n;
}

/// By output.
std::vector<std::set<int>> giants_of(const LinearMapPlan& plan, std::uint32_t slots) {
  std::vector<std::set<int>> giants(plan.outputs);
  for (const LinearMapPlan::Term& term : plan.terms) giants[term.output].insert(wrapped(term.giant, slots));
  return giants;
}

std::vector<std::vector<int>> fold_rounds(std::span<const int> folds, std::uint32_t slots) {
  std::vector<std::vector<int>> rounds;
  for (std::size_t i = 0; i < folds.size(); i += 2) {
    auto& round = rounds.emplace_back(1, wrapped(folds[i], slots));
    if (i + 1 < folds.size()) {
      round.push_back(wrapped(folds[i + 1], slots));
      round.push_back(wrapped(folds[i] + folds[i + 1], slots));
    }
  }
  return rounds;
}

void require_valid(const LinearMapPlan& plan, std::span<const Diagonal> diagonals, std::uint32_t slots) {
  std::vector<bool> made(plan.outputs);
  for (const LinearMapPlan::Term& term : plan.terms) {
    if (term.input >= plan.inputs || term.output >= plan.outputs || term.diagonal >= diagonals.size()) {
      throw InvalidArgument("a term of input " + std::to_string(term.input) + ", output " +
                            std::to_string(term.output) + " and diagonal " + std::to_string(term.diagonal) +
                            " in a linear map of " + std::to_string(plan.inputs) + ", " + std::to_string(plan.outputs) +
                            " and " + std::to_string(diagonals.size()));
    }
    for (const std::uint32_t d : {term.diagonal, plan.paired != 0 ? term.partner : term.diagonal}) {
      const std::size_t period = d < diagonals.size() ? diagonals[d].period() : 0;
      if (period == 0 || slots % period != 0) {
        throw InvalidArgument("a diagonal of period " + std::to_string(period) + " for " + std::to_string(slots) +
                              " slots");
      }
    }
    made[term.output] = true;
  }
  if (plan.outputs == 0 || !std::all_of(made.begin(), made.end(), [](bool b) { return b; })) {
    throw InvalidArgument("a linear map without diagonals for an output");
  }
}

}  // namespace

MapSchedule::MapSchedule(const LinearMapPlan& plan, std::span<const Diagonal> diagonals, std::uint32_t slots)
    : rounds(fold_rounds(plan.folds, slots)), paired(plan.paired) {
  require_valid(plan, diagonals, slots);
  std::vector<const LinearMapPlan::Term*> sorted;
  std::map<std::pair<std::uint32_t, int>, bool> extended;  // by output and giant
  for (const auto& term : plan.terms) {
    sorted.push_back(&term);
    extended[{term.output, wrapped(term.giant, slots)}] |= wrapped(term.baby, slots) != 0;
  }
  const auto key = [slots](const LinearMapPlan::Term& t) {
    return std::tuple(t.output, -wrapped(t.giant, slots), t.input, wrapped(t.baby, slots));
  };
  std::stable_sort(sorted.begin(), sorted.end(), [&](auto* a, auto* b) { return key(*a) < key(*b); });

  std::map<Weight, std::uint32_t> index;
  std::map<std::tuple<bool, std::uint32_t, int>, std::uint32_t> place;  // of a factor
  int giant_of_group = 0;
  for (const LinearMapPlan::Term* term : sorted) {
    const int giant = wrapped(term->giant, slots), baby = wrapped(term->baby, slots);
    Weight weight{.diagonal = term->diagonal, .input = term->input};
    std::size_t period = diagonals[term->diagonal].period();
    const auto shift = [&](std::uint32_t d) {
      return static_cast<std::uint32_t>(static_cast<std::size_t>(giant) % diagonals[d].period());
    };
    weight.shift = shift(term->diagonal);
    if (paired != 0) {
      weight.partner = term->partner;
      weight.partner_shift = shift(term->partner);
      weight.odd = baby % 2 != 0;
      period = std::max(period, diagonals[term->partner].period());
    }
    const auto [entry, added] = index.try_emplace(weight, static_cast<std::uint32_t>(weights.size()));
    if (added) {
      weights.push_back(weight);
      weight_words.push_back(words_of_weight(period, paired != 0));
      most_words = std::max<std::size_t>(most_words, weight_words.back());
    }
    const bool same_output = !groups.empty() && groups.back().output == term->output;
    if (!same_output || giant_of_group != giant) {
      if (same_output) groups.back().step = giant_of_group - giant;
      groups.push_back({term->output, giant, extended.at({term->output, giant}), {}});
      giant_of_group = giant;
    }
    const Factor factor{term->input, baby, groups.back().extended};
    const auto [at, first] =
        place.try_emplace({factor.extended, factor.input, baby}, static_cast<std::uint32_t>(factors.size()));
    if (first) factors.push_back(factor);
    groups.back().terms.push_back({at->second, entry->second});
  }

  weight_special.resize(weights.size());
  for (const Group& group : groups) {
    if (group.terms.size() > kMaxTerms) {
      throw InvalidArgument(std::to_string(group.terms.size()) + " terms of one giant step: at most " +
                            std::to_string(kMaxTerms));
    }
    for (const Term& term : group.terms) {
      if (factors[term.factor].rotated()) weight_special[term.weight] = 1;
    }
  }
}

std::uint32_t words_of_weight(std::size_t period, bool paired) {
  constexpr std::size_t kLeast = 8;
  return static_cast<std::uint32_t>(std::max(period, kLeast) * (paired ? 2 : 1));
}

std::vector<std::span<const MapSchedule::Group>> MapSchedule::batches(bool at_hand) const {
  constexpr std::size_t kAny = std::numeric_limits<std::size_t>::max();
  const std::size_t most_groups = at_hand ? kAny : kGroupsTogether;
  const std::size_t most_terms = at_hand ? kAny : kWordsTogether / most_words;
  std::vector<std::span<const Group>> batches;
  for (auto rest = std::span(groups); !rest.empty(); rest = rest.subspan(batches.back().size())) {
    std::size_t count = 1, terms = rest[0].terms.size();
    while (count < std::min(most_groups, rest.size()) && terms + rest[count].terms.size() <= most_terms)
      terms += rest[count++].terms.size();
    batches.push_back(rest.first(count));
  }
  return batches;
}

std::vector<MapSchedule::Tile> MapSchedule::tiles(std::span<const Group> batch) const {
  std::vector<Tile> tiles;
  for (auto rest = batch; !rest.empty(); rest = rest.subspan(tiles.back().groups.size())) {
    std::vector<std::uint32_t> united;
    std::size_t count = 0, terms = 0;
    for (const Group& group : rest) {
      std::vector<std::uint32_t> own, with;
      for (const Term& term : group.terms) own.push_back(term.factor);
      std::sort(own.begin(), own.end());
      std::set_union(united.begin(), united.end(), own.begin(), own.end(), std::back_inserter(with));
      terms += own.size();
      const std::size_t products = (count + 1) * with.size();
      const bool alike = group.extended == rest[0].extended && products - terms <= products / kZerosAccepted;
      if (count > 0 && !(paired != 0 && alike)) break;
      united = std::move(with);
      ++count;
    }
    tiles.push_back({rest.first(count), std::move(united)});
  }
  return tiles;
}

std::vector<int> steps_between(const std::set<int>& giants) {
  std::vector<int> steps;
  int before = 0;
  for (const int giant : giants) steps.push_back(giant - std::exchange(before, giant));
  return steps;
}

std::vector<int> rotations_of(const LinearMapPlan& plan, std::uint32_t slots) {
  std::set<int> all;
  for (const LinearMapPlan::Term& term : plan.terms) {
    all.insert(wrapped(term.baby, slots));
  }
  for (const auto& giants : giants_of(plan, slots)) {
    for (const int step : steps_between(giants)) all.insert(step);
  }
  for (const auto& round : fold_rounds(plan.folds, slots)) all.insert(round.begin(), round.end());
  all.insert(wrapped(plan.paired, slots));
  all.erase(0);
  return {all.begin(), all.end()};
}

}  // namespace blindsight::ckks
