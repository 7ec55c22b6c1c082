// Branch-free widening, so that compilers vectorize the loops at the baseline level.
#include "base/half.h"

#include <cstring>

namespace sinter {
namespace {

float bits_to_float(uint32_t bits) {
  float value;
  std::memcpy(&value, &bits, sizeof(value));
  return value;
}

uint32_t float_to_bits(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof(bits));
  return bits;
}

uint16_t load_u16(const uint8_t* from) {
  uint16_t value;
  std::memcpy(&value, from, sizeof(value));
  return value;
}

void store_u16(uint32_t value, uint8_t* to) {
  const uint16_t half = static_cast<uint16_t>(value);
  std::memcpy(to, &half, sizeof(half));
}

}  // namespace

void narrow_f16(int64_t n, const float* from, uint8_t* to) {
  for (int64_t i = 0; i < n; ++i) {
    const uint32_t bits = float_to_bits(from[i]), magnitude = bits & 0x7FFFFFFFu;
    // Subnormal halves: after adding 0.5 their bits are the last bits of the mantissa, rounded.
    const uint32_t small = float_to_bits(bits_to_float(magnitude) + 0.5f) - 0x3F000000u;
    // Normal halves: the exponent is rebased by 112. The dropped bits round to nearest, ties to
    // even; the carry of a rounding beyond the largest finite half makes the exponent that of
    // infinity.
    const uint32_t large = (magnitude - 0x38000000u + 0xFFFu + ((magnitude >> 13) & 1u)) >> 13;
    uint32_t half = magnitude < 0x38800000u ? small : large;
    if (magnitude >= 0x47800000u) half = magnitude > 0x7F800000u ? 0x7E00u : 0x7C00u;
    store_u16(half | (bits >> 16 & 0x8000u), to + 2 * i);
  }
}

void narrow_bf16(int64_t n, const float* from, uint8_t* to) {
  for (int64_t i = 0; i < n; ++i) {
    const uint32_t bits = float_to_bits(from[i]);
    const bool nan = (bits & 0x7FFFFFFFu) > 0x7F800000u;
    const uint32_t rounded = (bits + 0x7FFFu + (bits >> 16 & 1u)) >> 16;
    store_u16(nan ? bits >> 16 | 0x40u : rounded, to + 2 * i);
  }
}

void widen_f16(int64_t n, const uint8_t* from, float* to) {
  // Exponent and mantissa moved into place are too small by 2^(127 - 15); the product also
  // normalises subnormals.
  const float rescale = bits_to_float(0x77800000u);  // 2^112
  for (int64_t i = 0; i < n; ++i) {
    const uint32_t half = load_u16(from + 2 * i);
    const uint32_t magnitude = (half & 0x7FFFu) << 13;
    const uint32_t finite = float_to_bits(bits_to_float(magnitude) * rescale);
    const uint32_t special = magnitude | 0x7F800000u;
    const uint32_t is_special = (half & 0x7C00u) == 0x7C00u ? 0xFFFFFFFFu : 0u;
    to[i] =
        bits_to_float(((finite & ~is_special) | (special & is_special)) | (half & 0x8000u) << 16);
  }
}

void widen_bf16(int64_t n, const uint8_t* from, float* to) {
  for (int64_t i = 0; i < n; ++i) {
    to[i] = bits_to_float(static_cast<uint32_t>(load_u16(from + 2 * i)) << 16);
  }
}

}  // namespace sinter
