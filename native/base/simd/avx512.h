// F32x16 at AVX-512 (F, BW, DQ, VL): one zmm register. Same operations and bits as scalar.h, which
// documents them. Only C headers, and everything in an unnamed namespace: files with ISA flags must
// not emit symbols that the linker may share with other files.
#pragma once

// GCC warns about its own _mm512_undefined_ps() in this header (bug 105593).
#pragma GCC diagnostic push
#ifndef __clang__  // does not know this warning
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
#pragma GCC diagnostic ignored "-Wuninitialized"
#include <immintrin.h>
#pragma GCC diagnostic pop
#include <stdint.h>

namespace sinter {
namespace {

#define SINTER_SIMD inline __attribute__((always_inline))

SINTER_SIMD __mmask16 first_lanes(int64_t n) { return static_cast<__mmask16>((1u << n) - 1u); }

struct F32x16 {
  __m512 v;

  static constexpr int kRegisters = 1;  // machine registers behind one value
  static constexpr int kFile = 32;      // machine registers that exist

  static SINTER_SIMD F32x16 zero() { return {_mm512_setzero_ps()}; }
  static SINTER_SIMD F32x16 set(float x) { return {_mm512_set1_ps(x)}; }
  static SINTER_SIMD F32x16 load(const float* p) { return {_mm512_loadu_ps(p)}; }
  static SINTER_SIMD F32x16 load_n(const float* p, int64_t n, float fill = 0.0f) {
    return {_mm512_mask_loadu_ps(_mm512_set1_ps(fill), first_lanes(n), p)};
  }
  static SINTER_SIMD F32x16 load_s8(const int8_t* p) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
    return {_mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(bytes))};
  }
  static SINTER_SIMD F32x16 load_s8_n(const int8_t* p, int64_t n) {
    const __m128i bytes = _mm_maskz_loadu_epi8(first_lanes(n), p);
    return {_mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(bytes))};
  }
  static SINTER_SIMD F32x16 load_f16(const uint16_t* p) {
    return {_mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)))};
  }
  static SINTER_SIMD F32x16 load_f16_n(const uint16_t* p, int64_t n) {
    return {_mm512_cvtph_ps(_mm256_maskz_loadu_epi16(first_lanes(n), p))};
  }
  SINTER_SIMD void store(float* p) const { _mm512_storeu_ps(p, v); }
  SINTER_SIMD void store_n(float* p, int64_t n) const {
    _mm512_mask_storeu_ps(p, first_lanes(n), v);
  }
};

struct I32x16 {
  __m512i v;

  static SINTER_SIMD I32x16 set(int32_t x) { return {_mm512_set1_epi32(x)}; }
  static SINTER_SIMD I32x16 iota() {
    return {_mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)};
  }
  SINTER_SIMD void store(int32_t* p) const { _mm512_storeu_si512(p, v); }
  SINTER_SIMD void store_bytes(void* p) const {
    _mm_storeu_si128(static_cast<__m128i*>(p), _mm512_cvtepi32_epi8(v));
  }
  SINTER_SIMD void store_bytes_n(void* p, int64_t n) const {
    _mm_mask_storeu_epi8(p, first_lanes(n), _mm512_cvtepi32_epi8(v));
  }
};

struct Mask16 {
  __mmask16 v;
};

SINTER_SIMD F32x16 operator+(F32x16 a, F32x16 b) { return {_mm512_add_ps(a.v, b.v)}; }
SINTER_SIMD F32x16 operator-(F32x16 a, F32x16 b) { return {_mm512_sub_ps(a.v, b.v)}; }
SINTER_SIMD F32x16 operator*(F32x16 a, F32x16 b) { return {_mm512_mul_ps(a.v, b.v)}; }
SINTER_SIMD F32x16 operator/(F32x16 a, F32x16 b) { return {_mm512_div_ps(a.v, b.v)}; }
SINTER_SIMD F32x16 fma(F32x16 a, F32x16 b, F32x16 c) { return {_mm512_fmadd_ps(a.v, b.v, c.v)}; }
SINTER_SIMD F32x16 fnma(F32x16 a, F32x16 b, F32x16 c) { return {_mm512_fnmadd_ps(a.v, b.v, c.v)}; }
SINTER_SIMD F32x16 min(F32x16 a, F32x16 b) { return {_mm512_min_ps(a.v, b.v)}; }
SINTER_SIMD F32x16 max(F32x16 a, F32x16 b) { return {_mm512_max_ps(a.v, b.v)}; }
SINTER_SIMD F32x16 abs(F32x16 a) { return {_mm512_abs_ps(a.v)}; }
SINTER_SIMD F32x16 sqrt(F32x16 a) { return {_mm512_sqrt_ps(a.v)}; }
SINTER_SIMD F32x16 round(F32x16 a) {
  return {_mm512_roundscale_ps(a.v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC)};
}
SINTER_SIMD F32x16 copy_sign(F32x16 a, F32x16 sign) {
  const __m512i top = _mm512_set1_epi32(INT32_MIN);
  return {_mm512_castsi512_ps(
      _mm512_ternarylogic_epi32(top, _mm512_castps_si512(sign.v), _mm512_castps_si512(a.v), 0xCA))};
}

SINTER_SIMD Mask16 operator<(F32x16 a, F32x16 b) {
  return {_mm512_cmp_ps_mask(a.v, b.v, _CMP_LT_OQ)};
}
SINTER_SIMD Mask16 operator<=(F32x16 a, F32x16 b) {
  return {_mm512_cmp_ps_mask(a.v, b.v, _CMP_LE_OQ)};
}
SINTER_SIMD Mask16 operator==(F32x16 a, F32x16 b) {
  return {_mm512_cmp_ps_mask(a.v, b.v, _CMP_EQ_OQ)};
}
SINTER_SIMD F32x16 select(Mask16 m, F32x16 a, F32x16 b) {
  return {_mm512_mask_blend_ps(m.v, b.v, a.v)};
}
SINTER_SIMD uint32_t bits(Mask16 m) { return m.v; }

SINTER_SIMD I32x16 operator+(I32x16 a, I32x16 b) { return {_mm512_add_epi32(a.v, b.v)}; }
SINTER_SIMD I32x16 operator*(I32x16 a, I32x16 b) { return {_mm512_mullo_epi32(a.v, b.v)}; }
SINTER_SIMD I32x16 operator^(I32x16 a, I32x16 b) { return {_mm512_xor_si512(a.v, b.v)}; }
SINTER_SIMD I32x16 min(I32x16 a, I32x16 b) { return {_mm512_min_epi32(a.v, b.v)}; }
SINTER_SIMD I32x16 max(I32x16 a, I32x16 b) { return {_mm512_max_epi32(a.v, b.v)}; }
template <int kBits>
SINTER_SIMD I32x16 shift_left(I32x16 a) {
  return {_mm512_slli_epi32(a.v, kBits)};
}
template <int kBits>
SINTER_SIMD I32x16 shift_right(I32x16 a) {
  return {_mm512_srli_epi32(a.v, kBits)};
}
SINTER_SIMD Mask16 ge_unsigned(I32x16 a, I32x16 b) { return {_mm512_cmpge_epu32_mask(a.v, b.v)}; }
SINTER_SIMD Mask16 lt_unsigned(I32x16 a, I32x16 b) { return {_mm512_cmplt_epu32_mask(a.v, b.v)}; }
SINTER_SIMD I32x16 select(Mask16 m, I32x16 a, I32x16 b) {
  return {_mm512_mask_blend_epi32(m.v, b.v, a.v)};
}
SINTER_SIMD I32x16 as_int(F32x16 a) { return {_mm512_castps_si512(a.v)}; }
SINTER_SIMD F32x16 as_float(I32x16 a) { return {_mm512_castsi512_ps(a.v)}; }
SINTER_SIMD I32x16 to_int(F32x16 a) { return {_mm512_cvtps_epi32(a.v)}; }
SINTER_SIMD F32x16 to_float(I32x16 a) { return {_mm512_cvtepi32_ps(a.v)}; }

// Reduces a tree of lane pairs: (i, i + 8), then (i, i + 4), (i, i + 2), (i, i + 1).
SINTER_SIMD float reduce_add(F32x16 a) {
  const __m256 e = _mm256_add_ps(_mm512_castps512_ps256(a.v), _mm512_extractf32x8_ps(a.v, 1));
  const __m128 f = _mm_add_ps(_mm256_castps256_ps128(e), _mm256_extractf128_ps(e, 1));
  const __m128 g = _mm_add_ps(f, _mm_movehl_ps(f, f));
  return _mm_cvtss_f32(_mm_add_ss(g, _mm_movehdup_ps(g)));
}
SINTER_SIMD float reduce_max(F32x16 a) {
  const __m256 e = _mm256_max_ps(_mm512_castps512_ps256(a.v), _mm512_extractf32x8_ps(a.v, 1));
  const __m128 f = _mm_max_ps(_mm256_castps256_ps128(e), _mm256_extractf128_ps(e, 1));
  const __m128 g = _mm_max_ps(f, _mm_movehl_ps(f, f));
  return _mm_cvtss_f32(_mm_max_ss(g, _mm_movehdup_ps(g)));
}
SINTER_SIMD float reduce_min(F32x16 a) {
  const __m256 e = _mm256_min_ps(_mm512_castps512_ps256(a.v), _mm512_extractf32x8_ps(a.v, 1));
  const __m128 f = _mm_min_ps(_mm256_castps256_ps128(e), _mm256_extractf128_ps(e, 1));
  const __m128 g = _mm_min_ps(f, _mm_movehl_ps(f, f));
  return _mm_cvtss_f32(_mm_min_ss(g, _mm_movehdup_ps(g)));
}

// Four reduction trees at once; all lanes of the 128-bit lane i hold the result of a[i]. Each step
// joins the halves of two values, then the quarters of four, in one register.
template <class Join>
SINTER_SIMD __m512 reduce_4(const F32x16* a, Join join) {
  const __m512 ab =
      join(_mm512_shuffle_f32x4(a[0].v, a[1].v, 0x44), _mm512_shuffle_f32x4(a[0].v, a[1].v, 0xEE));
  const __m512 cd =
      join(_mm512_shuffle_f32x4(a[2].v, a[3].v, 0x44), _mm512_shuffle_f32x4(a[2].v, a[3].v, 0xEE));
  const __m512 f = join(_mm512_shuffle_f32x4(ab, cd, 0x88), _mm512_shuffle_f32x4(ab, cd, 0xDD));
  const __m512 g = join(f, _mm512_permute_ps(f, 0x4E));
  return join(g, _mm512_permute_ps(g, 0xB1));
}
SINTER_SIMD void reduce_add_4(const F32x16* a, float* to) {
  const __m512 sums = reduce_4(a, [](__m512 x, __m512 y) { return _mm512_add_ps(x, y); });
  _mm_storeu_ps(to, _mm512_castps512_ps128(_mm512_maskz_compress_ps(0x1111, sums)));
}
SINTER_SIMD void spread_max_4(F32x16* a) {
  const __m512 g = reduce_4(a, [](__m512 x, __m512 y) { return _mm512_max_ps(x, y); });
  a[0].v = _mm512_shuffle_f32x4(g, g, 0x00);
  a[1].v = _mm512_shuffle_f32x4(g, g, 0x55);
  a[2].v = _mm512_shuffle_f32x4(g, g, 0xAA);
  a[3].v = _mm512_shuffle_f32x4(g, g, 0xFF);
}

struct F64x16 {
  __m512d lo, hi;

  static SINTER_SIMD F64x16 zero() { return {_mm512_setzero_pd(), _mm512_setzero_pd()}; }
};

SINTER_SIMD F64x16 widen(F32x16 a) {
  return {_mm512_cvtps_pd(_mm512_castps512_ps256(a.v)),
          _mm512_cvtps_pd(_mm512_extractf32x8_ps(a.v, 1))};
}
SINTER_SIMD F64x16 fma(F64x16 a, F64x16 b, F64x16 c) {
  return {_mm512_fmadd_pd(a.lo, b.lo, c.lo), _mm512_fmadd_pd(a.hi, b.hi, c.hi)};
}
SINTER_SIMD double reduce_add(F64x16 a) {
  const __m512d d = _mm512_add_pd(a.lo, a.hi);
  const __m256d e = _mm256_add_pd(_mm512_castpd512_pd256(d), _mm512_extractf64x4_pd(d, 1));
  const __m128d f = _mm_add_pd(_mm256_castpd256_pd128(e), _mm256_extractf128_pd(e, 1));
  return _mm_cvtsd_f64(_mm_add_sd(f, _mm_unpackhi_pd(f, f)));
}

// dst[c * 16 + r] = src[r * src_row + c] for r, c < 16. Rows from `rows` on repeat the last one (1
// <= rows).
SINTER_SIMD void transpose_16x16(const float* src, int64_t src_row, int64_t rows, float* dst) {
  __m512 a[16], b[16];
#pragma GCC unroll 16
  for (int r = 0; r < 16; ++r) a[r] = _mm512_loadu_ps(src + (r < rows ? r : rows - 1) * src_row);
#pragma GCC unroll 8
  for (int i = 0; i < 8; ++i) {  // pairs of rows
    b[2 * i] = _mm512_unpacklo_ps(a[2 * i], a[2 * i + 1]);
    b[2 * i + 1] = _mm512_unpackhi_ps(a[2 * i], a[2 * i + 1]);
  }
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {  // 4x4 blocks: a[4 i + c] holds column c of each 128-bit lane
    for (int h = 0; h < 2; ++h) {
      const __m512 x = b[4 * i + h], y = b[4 * i + 2 + h];
      a[4 * i + 2 * h] = _mm512_shuffle_ps(x, y, 0x44);
      a[4 * i + 2 * h + 1] = _mm512_shuffle_ps(x, y, 0xEE);
    }
  }
#pragma GCC unroll 4
  for (int c = 0; c < 4; ++c) {  // 4x4 transpose of 128-bit lanes
    const __m512 p = _mm512_shuffle_f32x4(a[c], a[4 + c], 0x88);
    const __m512 q = _mm512_shuffle_f32x4(a[8 + c], a[12 + c], 0x88);
    const __m512 s = _mm512_shuffle_f32x4(a[c], a[4 + c], 0xDD);
    const __m512 t = _mm512_shuffle_f32x4(a[8 + c], a[12 + c], 0xDD);
    _mm512_storeu_ps(dst + c * 16, _mm512_shuffle_f32x4(p, q, 0x88));
    _mm512_storeu_ps(dst + (4 + c) * 16, _mm512_shuffle_f32x4(s, t, 0x88));
    _mm512_storeu_ps(dst + (8 + c) * 16, _mm512_shuffle_f32x4(p, q, 0xDD));
    _mm512_storeu_ps(dst + (12 + c) * 16, _mm512_shuffle_f32x4(s, t, 0xDD));
  }
}

}  // namespace
}  // namespace sinter
