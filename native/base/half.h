// Conversions between f32 and the 16-bit float formats. Widening to f32 is exact, also for NaN and
// infinities. Narrowing rounds to nearest, ties to even; a finite number beyond the largest of the
// format becomes an infinity.
#pragma once

#include <cstdint>

namespace sinter {

// IEEE 754 binary16 to f32. `from` may be unaligned bytes, little endian.
void widen_f16(int64_t n, const uint8_t* from, float* to);
// bfloat16 (the upper half of an f32) to f32.
void widen_bf16(int64_t n, const uint8_t* from, float* to);
// Round f32 to binary16 and to bfloat16. `to` may be unaligned bytes.
void narrow_f16(int64_t n, const float* from, uint8_t* to);
void narrow_bf16(int64_t n, const float* from, uint8_t* to);

}  // namespace sinter
