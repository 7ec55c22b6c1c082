// Storage formats of 16 bits, widened to f32. Both conversions are exact, NaN and infinities
// included.
#pragma once

#include <cstdint>

namespace sinter {

// IEEE 754 binary16 to f32. `from` may be unaligned bytes, little endian.
void widen_f16(int64_t n, const uint8_t* from, float* to);
// bfloat16 (the upper half of an f32) to f32.
void widen_bf16(int64_t n, const uint8_t* from, float* to);

}  // namespace sinter
