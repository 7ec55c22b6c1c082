// The parameters of the dropout kernels: a key per step and operation, and the probability in the
// form that the kernels want.
#pragma once

#include <cmath>
#include <cstdint>

namespace sinter {

// Mixes the key of the step and the number of the op's output: SplitMix64 (Steele, Lea, Flood
// 2014).
inline uint64_t dropout_key(uint64_t step_key, int value) {
  uint64_t z = step_key + 0x9E3779B97F4A7C15ull * (static_cast<uint64_t>(value) + 1);
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
  return z ^ (z >> 31);
}

inline uint32_t dropout_threshold(float probability) {
  return static_cast<uint32_t>(std::llround(static_cast<double>(probability) * 4294967296.0));
}

inline float dropout_keep_scale(float probability) { return 1.0f / (1.0f - probability); }

}  // namespace sinter
