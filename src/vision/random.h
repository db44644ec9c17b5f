// Random numbers of what the room draws. Private to the room.
#pragma once

#include <cstdint>
#include <random>

namespace blindsight::vision {

/// Uniform numbers, the same on every platform, which the standard's distributions aren't.
class Random {
 public:
  explicit Random(std::uint64_t seed) : engine_(seed) {}
  double uniform(double low, double high) {
    return low + (high - low) * static_cast<double>(engine_() >> 11) * 0x1p-53;
  }

 private:
  std::mt19937_64 engine_;
};

}  // namespace blindsight::vision
