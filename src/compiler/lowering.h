// From sparse maps to diagonals: where every tensor stands, and with which rotations it gets there.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <tuple>
#include <vector>

#include "blindsight/compiler/cost.h"
#include "blindsight/compiler/cover.h"
#include "blindsight/nn/network.h"

namespace blindsight::compiler {

/// A ciphertext that a lowered stage reads: one of those of a value of the network, or of its square.
struct LoweredSource {
  std::size_t value = 0;
  bool squared = false;
  std::uint32_t ciphertext = 0;
  bool operator==(const LoweredSource&) const = default;
};

/// One stage on slots; all its vectors repeat with its period. What it reads may have been made with a larger one, but
/// repeats with this one too.
struct LoweredStage {
  unsigned log_period = 0;
  std::vector<LoweredSource> sources;  ///< the plan's inputs
  ckks::LinearMapPlan plan;
  std::vector<ckks::Diagonal> diagonals;
  std::vector<ckks::Diagonal> bias;  ///< of every output ciphertext; zero where no row stands
  Layout output;                     ///< of one period a ciphertext
};

/// A network on slots. Says nothing of levels and scales.
struct Lowered {
  unsigned log_period = 0;  ///< of the input
  Layout input;             ///< of one period a ciphertext
  std::vector<LoweredStage> stages;
  std::size_t rotation_keys = 0;
  double cost = 0;  ///< in transforms of one limb, see cost.h
};

/// What maps take between layouts, by what it depends on: further lowerings of a network need not search for it again.
/// Thread-safe.
template <typename Found>
class SearchCache {
 public:
  using Key =
      std::tuple<std::uint64_t, std::uint64_t, std::uint64_t>;  ///< of the map, its input's layout, its placement
  std::optional<Found> find(const Key& key) const {
    const std::scoped_lock lock(mutex_);
    const auto it = known_.find(key);
    return it == known_.end() ? std::nullopt : std::optional(it->second);
  }
  void add(const Key& key, const Found& found) {
    const std::scoped_lock lock(mutex_);
    known_.emplace(key, found);
  }

 private:
  mutable std::mutex mutex_;
  std::map<Key, Found> known_;
};

struct SearchCaches {
  SearchCache<std::vector<CoveringDiagonal>> covers;  ///< without their weights, by the map's pattern
  SearchCache<unsigned> log_repetitions;              ///< by the map
};

struct LoweringOptions {
  unsigned log_slots = 0;                  ///< of the ring
  std::vector<ckks::SmallerRing> smaller;  ///< where maps go on in smaller rings
  std::vector<LevelCost> prices;           ///< by level, up to the network's depth, in the ring of that level's maps
  bool cached = true;                      ///< whether weights will be encoded beforehand
  bool pairs = true;                       ///< whether diagonals may go in pairs: cheaper, with larger errors
  std::size_t max_rotation_keys = 0;       ///< 0: no bound
  double max_key_limbs = 0;                ///< limbs of all rotation keys together, a wish; 0: none
  std::shared_ptr<SearchCaches> found = std::make_shared<SearchCaches>();
};

/// How many times smaller, in powers of two, the ring is in which maps of this level run: those whose highest level is
/// at least that.
unsigned ring_of(const std::vector<ckks::SmallerRing>& smaller, unsigned level);

/// The cheapest of the layouts tried (a beam search over the stages). Throws UnsupportedModel where a tensor does not
/// fit kMaxCiphertexts ciphertexts, or the keys can't be bounded as asked for.
Lowered lower(const nn::QuadraticNetwork& network, const LoweringOptions& options);

/// A tensor may take at most 2^this ciphertexts.
inline constexpr unsigned kMaxLogCiphertexts = 4;

/// The whole ring's layout from one period's.
Layout repeated(const Layout& layout, unsigned log_period, unsigned log_slots);

}  // namespace blindsight::compiler
