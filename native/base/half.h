// Storage formats of 16 bits: to f32 exactly, NaN and infinities included; from f32 to the nearest,
// ties to even. A finite number beyond the format's largest becomes an infinity.
#pragma once

#include <cstdint>

namespace sinter {

// IEEE 754 binary16 to f32. `from` may be unaligned bytes, little endian.
void widen_f16(int64_t n, const uint8_t* from, float* to);
// bfloat16 (the upper half of an f32) to f32.
void widen_bf16(int64_t n, const uint8_t* from, float* to);
// `to` may be unaligned bytes.
void narrow_f16(int64_t n, const float* from, uint8_t* to);
void narrow_bf16(int64_t n, const float* from, uint8_t* to);

}  // namespace sinter
