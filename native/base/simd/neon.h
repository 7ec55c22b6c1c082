// F32x16 at NEON (ARMv8-A): four registers of four lanes. Same operations and bits as scalar.h,
// which documents them. Only C headers, and everything in an unnamed namespace: files with ISA
// flags must not emit symbols that the linker may share with other files.
#pragma once

#include <arm_neon.h>
#include <stdint.h>

namespace sinter {
namespace {

#define SINTER_SIMD inline __attribute__((always_inline))

SINTER_SIMD void copy_bytes(void* to, const void* from, int64_t n) {
  char* t = static_cast<char*>(to);
  const char* f = static_cast<const char*>(from);
  for (int64_t i = 0; i < n; ++i) t[i] = f[i];
}

// The body of a function that computes register i of its result by `expression`.
#define SINTER_QUARTERS(type, expression)                                  \
  type r;                                                                  \
  _Pragma("GCC unroll 4") for (int i = 0; i < 4; ++i) r.q[i] = expression; \
  return r

struct F32x16 {
  float32x4_t q[4];  // lanes 0-3, 4-7, 8-11, 12-15

  static constexpr int kRegisters = 4;  // machine registers behind one value
  static constexpr int kFile = 32;      // machine registers that exist

  static SINTER_SIMD F32x16 zero() { return set(0.0f); }
  static SINTER_SIMD F32x16 set(float x) { SINTER_QUARTERS(F32x16, vdupq_n_f32(x)); }
  static SINTER_SIMD F32x16 load(const float* p) { SINTER_QUARTERS(F32x16, vld1q_f32(p + 4 * i)); }
  static SINTER_SIMD F32x16 load_n(const float* p, int64_t n, float fill = 0.0f) {
    float all[16];
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) vst1q_f32(all + 4 * i, vdupq_n_f32(fill));
    copy_bytes(all, p, 4 * n);
    return load(all);
  }
  static SINTER_SIMD F32x16 load_s8(const int8_t* p) {
    const int8x16_t b = vld1q_s8(p);
    const int16x8_t low = vmovl_s8(vget_low_s8(b)), high = vmovl_high_s8(b);
    return {{vcvtq_f32_s32(vmovl_s16(vget_low_s16(low))), vcvtq_f32_s32(vmovl_high_s16(low)),
             vcvtq_f32_s32(vmovl_s16(vget_low_s16(high))), vcvtq_f32_s32(vmovl_high_s16(high))}};
  }
  static SINTER_SIMD F32x16 load_s8_n(const int8_t* p, int64_t n) {
    int8_t bytes[16] = {0};
    copy_bytes(bytes, p, n);
    return load_s8(bytes);
  }
  static SINTER_SIMD F32x16 load_f16(const uint16_t* p) {
    SINTER_QUARTERS(F32x16, vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(p + 4 * i))));
  }
  static SINTER_SIMD F32x16 load_f16_n(const uint16_t* p, int64_t n) {
    uint16_t halves[16] = {0};
    copy_bytes(halves, p, 2 * n);
    return load_f16(halves);
  }
  SINTER_SIMD void store(float* p) const {
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) vst1q_f32(p + 4 * i, q[i]);
  }
  SINTER_SIMD void store_n(float* p, int64_t n) const {
    float all[16];
    store(all);
    copy_bytes(p, all, 4 * n);
  }
};

struct I32x16 {
  int32x4_t q[4];

  static SINTER_SIMD I32x16 set(int32_t x) { SINTER_QUARTERS(I32x16, vdupq_n_s32(x)); }
  static SINTER_SIMD I32x16 iota() {
    const int32_t first[4] = {0, 1, 2, 3};
    const int32x4_t lanes = vld1q_s32(first);
    SINTER_QUARTERS(I32x16, vaddq_s32(lanes, vdupq_n_s32(4 * i)));
  }
  SINTER_SIMD void store(int32_t* p) const {
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) vst1q_s32(p + 4 * i, q[i]);
  }
  SINTER_SIMD int8x16_t low_bytes() const {
    const int16x8_t low = vmovn_high_s32(vmovn_s32(q[0]), q[1]),
                    high = vmovn_high_s32(vmovn_s32(q[2]), q[3]);
    return vmovn_high_s16(vmovn_s16(low), high);
  }
  SINTER_SIMD void store_bytes(void* p) const { vst1q_s8(static_cast<int8_t*>(p), low_bytes()); }
  SINTER_SIMD void store_bytes_n(void* p, int64_t n) const {
    int8_t bytes[16];
    vst1q_s8(bytes, low_bytes());
    copy_bytes(p, bytes, n);
  }
};

struct Mask16 {
  uint32x4_t q[4];
};

SINTER_SIMD F32x16 operator+(const F32x16& a, const F32x16& b) {
  SINTER_QUARTERS(F32x16, vaddq_f32(a.q[i], b.q[i]));
}
SINTER_SIMD F32x16 operator-(const F32x16& a, const F32x16& b) {
  SINTER_QUARTERS(F32x16, vsubq_f32(a.q[i], b.q[i]));
}
SINTER_SIMD F32x16 operator*(const F32x16& a, const F32x16& b) {
  SINTER_QUARTERS(F32x16, vmulq_f32(a.q[i], b.q[i]));
}
SINTER_SIMD F32x16 operator/(const F32x16& a, const F32x16& b) {
  SINTER_QUARTERS(F32x16, vdivq_f32(a.q[i], b.q[i]));
}
SINTER_SIMD F32x16 fma(const F32x16& a, const F32x16& b, const F32x16& c) {
  SINTER_QUARTERS(F32x16, vfmaq_f32(c.q[i], a.q[i], b.q[i]));
}
SINTER_SIMD F32x16 fnma(const F32x16& a, const F32x16& b, const F32x16& c) {
  SINTER_QUARTERS(F32x16, vfmsq_f32(c.q[i], a.q[i], b.q[i]));
}
// Not vminq and vmaxq, which differ for NaN and for zeros of two signs.
SINTER_SIMD float32x4_t min_lanes(float32x4_t a, float32x4_t b) {
  return vbslq_f32(vcltq_f32(a, b), a, b);
}
SINTER_SIMD float32x4_t max_lanes(float32x4_t a, float32x4_t b) {
  return vbslq_f32(vcgtq_f32(a, b), a, b);
}
SINTER_SIMD F32x16 min(const F32x16& a, const F32x16& b) {
  SINTER_QUARTERS(F32x16, min_lanes(a.q[i], b.q[i]));
}
SINTER_SIMD F32x16 max(const F32x16& a, const F32x16& b) {
  SINTER_QUARTERS(F32x16, max_lanes(a.q[i], b.q[i]));
}
SINTER_SIMD F32x16 abs(const F32x16& a) { SINTER_QUARTERS(F32x16, vabsq_f32(a.q[i])); }
SINTER_SIMD F32x16 sqrt(const F32x16& a) { SINTER_QUARTERS(F32x16, vsqrtq_f32(a.q[i])); }
SINTER_SIMD F32x16 round(const F32x16& a) { SINTER_QUARTERS(F32x16, vrndnq_f32(a.q[i])); }
SINTER_SIMD F32x16 copy_sign(const F32x16& a, const F32x16& sign) {
  const uint32x4_t top = vdupq_n_u32(0x80000000u);
  SINTER_QUARTERS(F32x16, vbslq_f32(top, sign.q[i], a.q[i]));
}

SINTER_SIMD Mask16 operator<(const F32x16& a, const F32x16& b) {
  SINTER_QUARTERS(Mask16, vcltq_f32(a.q[i], b.q[i]));
}
SINTER_SIMD Mask16 operator<=(const F32x16& a, const F32x16& b) {
  SINTER_QUARTERS(Mask16, vcleq_f32(a.q[i], b.q[i]));
}
SINTER_SIMD Mask16 operator==(const F32x16& a, const F32x16& b) {
  SINTER_QUARTERS(Mask16, vceqq_f32(a.q[i], b.q[i]));
}
SINTER_SIMD F32x16 select(const Mask16& m, const F32x16& a, const F32x16& b) {
  SINTER_QUARTERS(F32x16, vbslq_f32(m.q[i], a.q[i], b.q[i]));
}
SINTER_SIMD uint32_t bits(const Mask16& m) {
  const int32_t places[4] = {0, 1, 2, 3};
  const int32x4_t place = vld1q_s32(places);
  uint32_t r = 0;
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {
    r |= vaddvq_u32(vshlq_u32(vshrq_n_u32(m.q[i], 31), place)) << (4 * i);
  }
  return r;
}

SINTER_SIMD I32x16 operator+(const I32x16& a, const I32x16& b) {
  SINTER_QUARTERS(I32x16, vaddq_s32(a.q[i], b.q[i]));
}
SINTER_SIMD I32x16 operator*(const I32x16& a, const I32x16& b) {
  SINTER_QUARTERS(I32x16, vmulq_s32(a.q[i], b.q[i]));
}
SINTER_SIMD I32x16 operator^(const I32x16& a, const I32x16& b) {
  SINTER_QUARTERS(I32x16, veorq_s32(a.q[i], b.q[i]));
}
SINTER_SIMD I32x16 min(const I32x16& a, const I32x16& b) {
  SINTER_QUARTERS(I32x16, vminq_s32(a.q[i], b.q[i]));
}
SINTER_SIMD I32x16 max(const I32x16& a, const I32x16& b) {
  SINTER_QUARTERS(I32x16, vmaxq_s32(a.q[i], b.q[i]));
}
template <int kBits>
SINTER_SIMD I32x16 shift_left(const I32x16& a) {
  SINTER_QUARTERS(I32x16, vshlq_n_s32(a.q[i], kBits));
}
template <int kBits>
SINTER_SIMD I32x16 shift_right(const I32x16& a) {
  SINTER_QUARTERS(I32x16, vreinterpretq_s32_u32(vshrq_n_u32(vreinterpretq_u32_s32(a.q[i]), kBits)));
}
SINTER_SIMD Mask16 ge_unsigned(const I32x16& a, const I32x16& b) {
  SINTER_QUARTERS(Mask16, vcgeq_u32(vreinterpretq_u32_s32(a.q[i]), vreinterpretq_u32_s32(b.q[i])));
}
SINTER_SIMD Mask16 lt_unsigned(const I32x16& a, const I32x16& b) {
  SINTER_QUARTERS(Mask16, vcltq_u32(vreinterpretq_u32_s32(a.q[i]), vreinterpretq_u32_s32(b.q[i])));
}
SINTER_SIMD I32x16 select(const Mask16& m, const I32x16& a, const I32x16& b) {
  SINTER_QUARTERS(I32x16, vbslq_s32(m.q[i], a.q[i], b.q[i]));
}
SINTER_SIMD I32x16 as_int(const F32x16& a) {
  SINTER_QUARTERS(I32x16, vreinterpretq_s32_f32(a.q[i]));
}
SINTER_SIMD F32x16 as_float(const I32x16& a) {
  SINTER_QUARTERS(F32x16, vreinterpretq_f32_s32(a.q[i]));
}
// vcvtnq saturates and makes 0 of NaN; the others give INT32_MIN for all of these.
SINTER_SIMD int32x4_t nearest_int(float32x4_t x) {
  const uint32x4_t fits = vandq_u32(vcgeq_f32(x, vdupq_n_f32(-2147483648.0f)),
                                    vcltq_f32(x, vdupq_n_f32(2147483648.0f)));
  return vbslq_s32(fits, vcvtnq_s32_f32(x), vdupq_n_s32(INT32_MIN));
}
SINTER_SIMD I32x16 to_int(const F32x16& a) { SINTER_QUARTERS(I32x16, nearest_int(a.q[i])); }
SINTER_SIMD F32x16 to_float(const I32x16& a) { SINTER_QUARTERS(F32x16, vcvtq_f32_s32(a.q[i])); }

// Reduces a tree of lane pairs: (i, i + 8), then (i, i + 4), (i, i + 2), (i, i + 1).
template <class Join>
SINTER_SIMD float reduce(const F32x16& a, Join join) {
  const float32x4_t f = join(join(a.q[0], a.q[2]), join(a.q[1], a.q[3]));
  const float32x4_t g = join(f, vextq_f32(f, f, 2));
  return vgetq_lane_f32(join(g, vextq_f32(g, g, 1)), 0);
}
SINTER_SIMD float32x4_t add_lanes(float32x4_t a, float32x4_t b) { return vaddq_f32(a, b); }
SINTER_SIMD float reduce_add(const F32x16& a) {
  return reduce(a, [](float32x4_t x, float32x4_t y) { return add_lanes(x, y); });
}
SINTER_SIMD float reduce_max(const F32x16& a) {
  return reduce(a, [](float32x4_t x, float32x4_t y) { return max_lanes(x, y); });
}
SINTER_SIMD float reduce_min(const F32x16& a) {
  return reduce(a, [](float32x4_t x, float32x4_t y) { return min_lanes(x, y); });
}

// Four reduction trees at once; lane i of the result is that of a[i]. From the third step on a
// register holds two of the values, then all four.
template <class Join>
SINTER_SIMD float32x4_t reduce_4(const F32x16* a, Join join) {
  float32x4_t f[4];
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) f[i] = join(join(a[i].q[0], a[i].q[2]), join(a[i].q[1], a[i].q[3]));
  const float64x2_t d[4] = {vreinterpretq_f64_f32(f[0]), vreinterpretq_f64_f32(f[1]),
                            vreinterpretq_f64_f32(f[2]), vreinterpretq_f64_f32(f[3])};
  // Lanes (i, i + 2): halves of two values side by side.
  const float32x4_t g = join(vreinterpretq_f32_f64(vzip1q_f64(d[0], d[1])),
                             vreinterpretq_f32_f64(vzip2q_f64(d[0], d[1])));
  const float32x4_t h = join(vreinterpretq_f32_f64(vzip1q_f64(d[2], d[3])),
                             vreinterpretq_f32_f64(vzip2q_f64(d[2], d[3])));
  return join(vuzp1q_f32(g, h), vuzp2q_f32(g, h));
}
SINTER_SIMD void reduce_add_4(const F32x16* a, float* to) {
  vst1q_f32(to, reduce_4(a, [](float32x4_t x, float32x4_t y) { return add_lanes(x, y); }));
}
SINTER_SIMD void spread_max_4(F32x16* a) {
  const float32x4_t m = reduce_4(a, [](float32x4_t x, float32x4_t y) { return max_lanes(x, y); });
  const float32x4_t all[4] = {vdupq_laneq_f32(m, 0), vdupq_laneq_f32(m, 1), vdupq_laneq_f32(m, 2),
                              vdupq_laneq_f32(m, 3)};
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) a[i] = {{all[i], all[i], all[i], all[i]}};
}

struct F64x16 {
  float64x2_t d[8];  // lanes 2 i and 2 i + 1

  static SINTER_SIMD F64x16 zero() {
    const float64x2_t z = vdupq_n_f64(0.0);
    return {{z, z, z, z, z, z, z, z}};
  }
};

SINTER_SIMD F64x16 widen(const F32x16& a) {
  F64x16 r;
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {
    r.d[2 * i] = vcvt_f64_f32(vget_low_f32(a.q[i]));
    r.d[2 * i + 1] = vcvt_high_f64_f32(a.q[i]);
  }
  return r;
}
SINTER_SIMD F64x16 fma(const F64x16& a, const F64x16& b, const F64x16& c) {
  F64x16 r;
#pragma GCC unroll 8
  for (int i = 0; i < 8; ++i) r.d[i] = vfmaq_f64(c.d[i], a.d[i], b.d[i]);
  return r;
}
SINTER_SIMD double reduce_add(const F64x16& a) {
  float64x2_t e[4];
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) e[i] = vaddq_f64(a.d[i], a.d[i + 4]);
  const float64x2_t f = vaddq_f64(vaddq_f64(e[0], e[2]), vaddq_f64(e[1], e[3]));
  return vgetq_lane_f64(f, 0) + vgetq_lane_f64(f, 1);
}

// to[i * to_row + j] = from[j * from_row + i] for i, j < 4. Rows of `from` from `rows` on repeat
// the last one (1 <= rows).
SINTER_SIMD void transpose_4x4(const float* from, int64_t from_row, int64_t rows, float* to,
                               int64_t to_row) {
  float32x4_t x[4];
#pragma GCC unroll 4
  for (int r = 0; r < 4; ++r) x[r] = vld1q_f32(from + (r < rows ? r : rows - 1) * from_row);
  const float64x2_t a = vreinterpretq_f64_f32(vtrn1q_f32(x[0], x[1])),
                    b = vreinterpretq_f64_f32(vtrn2q_f32(x[0], x[1])),
                    c = vreinterpretq_f64_f32(vtrn1q_f32(x[2], x[3])),
                    d = vreinterpretq_f64_f32(vtrn2q_f32(x[2], x[3]));
  vst1q_f32(to, vreinterpretq_f32_f64(vzip1q_f64(a, c)));
  vst1q_f32(to + to_row, vreinterpretq_f32_f64(vzip1q_f64(b, d)));
  vst1q_f32(to + 2 * to_row, vreinterpretq_f32_f64(vzip2q_f64(a, c)));
  vst1q_f32(to + 3 * to_row, vreinterpretq_f32_f64(vzip2q_f64(b, d)));
}

// dst[c * 16 + r] = src[r * src_row + c] for r, c < 16. Rows from `rows` on repeat the last one (1
// <= rows).
SINTER_SIMD void transpose_16x16(const float* src, int64_t src_row, int64_t rows, float* dst) {
  for (int64_t r = 0; r < 16; r += 4) {
    const int64_t first = r < rows ? r : rows - 1;
    for (int64_t c = 0; c < 16; c += 4) {
      transpose_4x4(src + first * src_row + c, src_row, rows - first, dst + c * 16 + r, 16);
    }
  }
}

#undef SINTER_QUARTERS

}  // namespace
}  // namespace sinter
