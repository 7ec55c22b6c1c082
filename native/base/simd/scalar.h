// F32x16: the 16 virtual lanes in which every kernel is written. This file is the reference in
// plain C; avx512.h has it as one register, avx2.h as two. The rule: every operation gives the same
// bits in all three (except the payload and sign of a NaN), so one kernel template gives the same
// bits on every ISA.
#pragma once

#include <stdint.h>

namespace sinter {
namespace {

#define SINTER_SIMD inline __attribute__((always_inline))

// The body of a function that computes lane i of its result by `expression`.
#define SINTER_LANES(type, expression)              \
  type r;                                           \
  for (int i = 0; i < 16; ++i) r.v[i] = expression; \
  return r

// IEEE half to float, exactly; NaN and infinities are not expected. Moved into place, exponents are
// too small by 2^112; the product also normalises subnormals.
SINTER_SIMD float widen_half(uint16_t half) {
  const uint32_t magnitude = (half & 0x7FFFu) << 13, rescale = 0x77800000u;
  float value, factor;
  __builtin_memcpy(&value, &magnitude, sizeof(value));
  __builtin_memcpy(&factor, &rescale, sizeof(factor));
  value *= factor;
  return (half & 0x8000u) != 0 ? -value : value;
}

struct F32x16 {
  float v[16];

  static constexpr int kRegisters =
      4;  // machine registers behind one value (SSE2 or NEON, by the compiler)
  static constexpr int kFile = 16;  // machine registers that exist

  static SINTER_SIMD F32x16 zero() { return set(0.0f); }
  static SINTER_SIMD F32x16 set(float x) { SINTER_LANES(F32x16, x); }
  static SINTER_SIMD F32x16 load(const float* p) { SINTER_LANES(F32x16, p[i]); }
  // Loads the first n lanes (0 <= n <= 16) and sets the others to `fill`; reads nothing beyond.
  static SINTER_SIMD F32x16 load_n(const float* p, int64_t n, float fill = 0.0f) {
    SINTER_LANES(F32x16, i < n ? p[i] : fill);
  }
  // int8 widened to float; in load_s8_n the missing lanes are 0.
  static SINTER_SIMD F32x16 load_s8(const int8_t* p) {
    SINTER_LANES(F32x16, static_cast<float>(p[i]));
  }
  static SINTER_SIMD F32x16 load_s8_n(const int8_t* p, int64_t n) {
    SINTER_LANES(F32x16, i < n ? static_cast<float>(p[i]) : 0.0f);
  }
  // Finite halves widened to float, exactly; in load_f16_n the missing lanes are 0.
  static SINTER_SIMD F32x16 load_f16(const uint16_t* p) { SINTER_LANES(F32x16, widen_half(p[i])); }
  static SINTER_SIMD F32x16 load_f16_n(const uint16_t* p, int64_t n) {
    SINTER_LANES(F32x16, i < n ? widen_half(p[i]) : 0.0f);
  }
  SINTER_SIMD void store(float* p) const {
    for (int i = 0; i < 16; ++i) p[i] = v[i];
  }
  SINTER_SIMD void store_n(float* p, int64_t n) const {
    for (int i = 0; i < n; ++i) p[i] = v[i];
  }
};

// 16 integer lanes; arithmetic wraps.
struct I32x16 {
  uint32_t v[16];

  static SINTER_SIMD I32x16 set(int32_t x) { SINTER_LANES(I32x16, static_cast<uint32_t>(x)); }
  static SINTER_SIMD I32x16 iota() { SINTER_LANES(I32x16, static_cast<uint32_t>(i)); }
  SINTER_SIMD void store(int32_t* p) const {
    for (int i = 0; i < 16; ++i) p[i] = static_cast<int32_t>(v[i]);
  }
  // The low byte of each lane.
  SINTER_SIMD void store_bytes(void* p) const { store_bytes_n(p, 16); }
  SINTER_SIMD void store_bytes_n(void* p, int64_t n) const {
    for (int i = 0; i < n; ++i) static_cast<uint8_t*>(p)[i] = static_cast<uint8_t>(v[i]);
  }
};

struct Mask16 {
  bool v[16];
};

SINTER_SIMD uint32_t float_bits(float x) {
  uint32_t u;
  __builtin_memcpy(&u, &x, 4);
  return u;
}
SINTER_SIMD float float_of_bits(uint32_t u) {
  float x;
  __builtin_memcpy(&x, &u, 4);
  return x;
}

SINTER_SIMD F32x16 operator+(const F32x16& a, const F32x16& b) {
  SINTER_LANES(F32x16, a.v[i] + b.v[i]);
}
SINTER_SIMD F32x16 operator-(const F32x16& a, const F32x16& b) {
  SINTER_LANES(F32x16, a.v[i] - b.v[i]);
}
SINTER_SIMD F32x16 operator*(const F32x16& a, const F32x16& b) {
  SINTER_LANES(F32x16, a.v[i] * b.v[i]);
}
SINTER_SIMD F32x16 operator/(const F32x16& a, const F32x16& b) {
  SINTER_LANES(F32x16, a.v[i] / b.v[i]);
}
// a * b + c and c - a * b, rounded once.
SINTER_SIMD F32x16 fma(const F32x16& a, const F32x16& b, const F32x16& c) {
  SINTER_LANES(F32x16, __builtin_fmaf(a.v[i], b.v[i], c.v[i]));
}
SINTER_SIMD F32x16 fnma(const F32x16& a, const F32x16& b, const F32x16& c) {
  SINTER_LANES(F32x16, __builtin_fmaf(-a.v[i], b.v[i], c.v[i]));
}
// Same results as minps and maxps: b when either is NaN or both are zeros.
SINTER_SIMD F32x16 min(const F32x16& a, const F32x16& b) {
  SINTER_LANES(F32x16, a.v[i] < b.v[i] ? a.v[i] : b.v[i]);
}
SINTER_SIMD F32x16 max(const F32x16& a, const F32x16& b) {
  SINTER_LANES(F32x16, a.v[i] > b.v[i] ? a.v[i] : b.v[i]);
}
SINTER_SIMD F32x16 abs(const F32x16& a) { SINTER_LANES(F32x16, __builtin_fabsf(a.v[i])); }
SINTER_SIMD F32x16 sqrt(const F32x16& a) { SINTER_LANES(F32x16, __builtin_sqrtf(a.v[i])); }
// Rounds to the nearest integer, ties to even.
SINTER_SIMD F32x16 round(const F32x16& a) { SINTER_LANES(F32x16, __builtin_rintf(a.v[i])); }
SINTER_SIMD F32x16 copy_sign(const F32x16& a, const F32x16& sign) {
  SINTER_LANES(F32x16, __builtin_copysignf(a.v[i], sign.v[i]));
}

// Comparisons are false when a lane is NaN.
SINTER_SIMD Mask16 operator<(const F32x16& a, const F32x16& b) {
  SINTER_LANES(Mask16, a.v[i] < b.v[i]);
}
SINTER_SIMD Mask16 operator<=(const F32x16& a, const F32x16& b) {
  SINTER_LANES(Mask16, a.v[i] <= b.v[i]);
}
SINTER_SIMD Mask16 operator==(const F32x16& a, const F32x16& b) {
  SINTER_LANES(Mask16, a.v[i] == b.v[i]);
}
SINTER_SIMD F32x16 select(const Mask16& m, const F32x16& a, const F32x16& b) {
  SINTER_LANES(F32x16, m.v[i] ? a.v[i] : b.v[i]);
}
// Bit i: lane i.
SINTER_SIMD uint32_t bits(const Mask16& m) {
  uint32_t r = 0;
  for (int i = 0; i < 16; ++i) r |= static_cast<uint32_t>(m.v[i]) << i;
  return r;
}

SINTER_SIMD I32x16 operator+(const I32x16& a, const I32x16& b) {
  SINTER_LANES(I32x16, a.v[i] + b.v[i]);
}
SINTER_SIMD I32x16 operator*(const I32x16& a, const I32x16& b) {
  SINTER_LANES(I32x16, a.v[i] * b.v[i]);
}
SINTER_SIMD I32x16 operator^(const I32x16& a, const I32x16& b) {
  SINTER_LANES(I32x16, a.v[i] ^ b.v[i]);
}
// Signed order.
SINTER_SIMD I32x16 min(const I32x16& a, const I32x16& b) {
  SINTER_LANES(I32x16,
               static_cast<int32_t>(a.v[i]) < static_cast<int32_t>(b.v[i]) ? a.v[i] : b.v[i]);
}
SINTER_SIMD I32x16 max(const I32x16& a, const I32x16& b) {
  SINTER_LANES(I32x16,
               static_cast<int32_t>(a.v[i]) > static_cast<int32_t>(b.v[i]) ? a.v[i] : b.v[i]);
}
template <int kBits>
SINTER_SIMD I32x16 shift_left(const I32x16& a) {
  SINTER_LANES(I32x16, a.v[i] << kBits);
}
template <int kBits>
SINTER_SIMD I32x16 shift_right(const I32x16& a) {
  SINTER_LANES(I32x16, a.v[i] >> kBits);
}
SINTER_SIMD Mask16 ge_unsigned(const I32x16& a, const I32x16& b) {
  SINTER_LANES(Mask16, a.v[i] >= b.v[i]);
}
SINTER_SIMD Mask16 lt_unsigned(const I32x16& a, const I32x16& b) {
  SINTER_LANES(Mask16, a.v[i] < b.v[i]);
}
SINTER_SIMD I32x16 select(const Mask16& m, const I32x16& a, const I32x16& b) {
  SINTER_LANES(I32x16, m.v[i] ? a.v[i] : b.v[i]);
}
SINTER_SIMD I32x16 as_int(const F32x16& a) { SINTER_LANES(I32x16, float_bits(a.v[i])); }
SINTER_SIMD F32x16 as_float(const I32x16& a) { SINTER_LANES(F32x16, float_of_bits(a.v[i])); }
// The nearest integer, ties to even; INT32_MIN for NaN and for values out of range.
SINTER_SIMD uint32_t nearest_int(float x) {
  if (!(x >= -2147483648.0f && x < 2147483648.0f)) return 0x80000000u;
  return static_cast<uint32_t>(static_cast<int32_t>(__builtin_rintf(x)));
}
SINTER_SIMD I32x16 to_int(const F32x16& a) { SINTER_LANES(I32x16, nearest_int(a.v[i])); }
SINTER_SIMD F32x16 to_float(const I32x16& a) {
  SINTER_LANES(F32x16, static_cast<float>(static_cast<int32_t>(a.v[i])));
}

// The tree of every reduction: lane pairs (i, i + 8), then (i, i + 4), (i, i + 2), (i, i + 1).
SINTER_SIMD float reduce_add(F32x16 a) {
  for (int half = 8; half > 0; half /= 2) {
    for (int i = 0; i < half; ++i) a.v[i] = a.v[i] + a.v[i + half];
  }
  return a.v[0];
}
SINTER_SIMD float reduce_max(F32x16 a) {
  for (int half = 8; half > 0; half /= 2) {
    for (int i = 0; i < half; ++i) a.v[i] = a.v[i] > a.v[i + half] ? a.v[i] : a.v[i + half];
  }
  return a.v[0];
}
SINTER_SIMD float reduce_min(F32x16 a) {
  for (int half = 8; half > 0; half /= 2) {
    for (int i = 0; i < half; ++i) a.v[i] = a.v[i] < a.v[i + half] ? a.v[i] : a.v[i + half];
  }
  return a.v[0];
}

// Reductions of four values at once, in fewer steps than one by one. reduce_add_4: to[i] =
// reduce_add(a[i]). spread_max_4: all lanes of a[i] become reduce_max(a[i]); no lane may be NaN.
SINTER_SIMD void reduce_add_4(const F32x16* a, float* to) {
  for (int i = 0; i < 4; ++i) to[i] = reduce_add(a[i]);
}
SINTER_SIMD void spread_max_4(F32x16* a) {
  for (int i = 0; i < 4; ++i) a[i] = F32x16::set(reduce_max(a[i]));
}

// 16 lanes of double, for long sums.
struct F64x16 {
  double v[16];

  static SINTER_SIMD F64x16 zero() { SINTER_LANES(F64x16, 0.0); }
};

SINTER_SIMD F64x16 widen(const F32x16& a) { SINTER_LANES(F64x16, static_cast<double>(a.v[i])); }
SINTER_SIMD F64x16 fma(const F64x16& a, const F64x16& b, const F64x16& c) {
  SINTER_LANES(F64x16, __builtin_fma(a.v[i], b.v[i], c.v[i]));
}
SINTER_SIMD double reduce_add(F64x16 a) {
  for (int half = 8; half > 0; half /= 2) {
    for (int i = 0; i < half; ++i) a.v[i] = a.v[i] + a.v[i + half];
  }
  return a.v[0];
}

// dst[c * 16 + r] = src[r * src_row + c] for r, c < 16. Rows from `rows` on repeat the last one (1
// <= rows).
SINTER_SIMD void transpose_16x16(const float* src, int64_t src_row, int64_t rows, float* dst) {
  for (int r = 0; r < 16; ++r) {
    const float* row = src + (r < rows ? r : rows - 1) * src_row;
    for (int c = 0; c < 16; ++c) dst[c * 16 + r] = row[c];
  }
}

#undef SINTER_LANES

}  // namespace
}  // namespace sinter
