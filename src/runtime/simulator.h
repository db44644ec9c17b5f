// Runs a program on clear slot vectors, with or without the noise that ciphertexts would add.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "blindsight/compiler/noise.h"
#include "blindsight/compiler/program.h"

namespace blindsight::runtime {

/// A program made ready for many images. Immutable; run() may be called from several threads.
class Simulator {
 public:
  /// Throws InvalidArgument where the program is not valid.
  explicit Simulator(std::shared_ptr<const compiler::Program> program);
  ~Simulator();

  /// Slots of the input ciphertexts in, one after the other; those of the results out. With a seed, every operation
  /// adds noise of the standard deviation that its ciphertext twin has (compiler/noise.h), each slot's drawn by itself;
  /// without, exact up to rounding. The same on every machine.
  /// Throws InvalidArgument where it gets another number of slots than the program has.
  std::vector<double> run(std::span<const double> slots, std::optional<std::uint64_t> noise_seed = std::nullopt) const;

 private:
  struct MapNoise;
  class Run;
  std::shared_ptr<const compiler::Program> program_;
  std::vector<compiler::NoiseModel> noise_;                 // by ring
  std::vector<double> scales_;                              // of values
  std::vector<std::size_t> last_use_;                       // of values
  std::vector<std::unique_ptr<const MapNoise>> map_noise_;  // by operation
};

/// One image.
std::vector<double> simulate(const compiler::Program& program, std::span<const double> slots,
                             std::optional<std::uint64_t> noise_seed = std::nullopt);

}  // namespace blindsight::runtime
