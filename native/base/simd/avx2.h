// F32x16 at AVX2 with FMA: two ymm registers. Same operations and bits as scalar.h, which documents
// them. Only C headers, and everything in an unnamed namespace: files with ISA flags must not emit
// symbols that the linker may share with other files.
#pragma once

#include <immintrin.h>
#include <stdint.h>

namespace sinter {
namespace {

#define SINTER_SIMD inline __attribute__((always_inline))

// A mask of lanes first..first + 7: all ones in those below n.
SINTER_SIMD __m256i lanes_below(int64_t n, int first) {
  const __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(n) - first), lane);
}

SINTER_SIMD void copy_bytes(void* to, const void* from, int64_t n) {
  char* t = static_cast<char*>(to);
  const char* f = static_cast<const char*>(from);
  for (int64_t i = 0; i < n; ++i) t[i] = f[i];
}

struct F32x16 {
  __m256 lo, hi;

  static constexpr int kRegisters = 2;  // machine registers behind one value
  static constexpr int kFile = 16;      // machine registers that exist

  static SINTER_SIMD F32x16 zero() { return {_mm256_setzero_ps(), _mm256_setzero_ps()}; }
  static SINTER_SIMD F32x16 set(float x) {
    const __m256 v = _mm256_set1_ps(x);
    return {v, v};
  }
  static SINTER_SIMD F32x16 load(const float* p) {
    return {_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8)};
  }
  static SINTER_SIMD F32x16 load_n(const float* p, int64_t n, float fill = 0.0f) {
    const __m256i m = lanes_below(n, 0), k = lanes_below(n, 8);
    const __m256 f = _mm256_set1_ps(fill);
    return {_mm256_blendv_ps(f, _mm256_maskload_ps(p, m), _mm256_castsi256_ps(m)),
            _mm256_blendv_ps(f, _mm256_maskload_ps(p + 8, k), _mm256_castsi256_ps(k))};
  }
  static SINTER_SIMD F32x16 load_s8(const int8_t* p) {
    const __m128i b = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
    return {_mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(b)),
            _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_unpackhi_epi64(b, b)))};
  }
  static SINTER_SIMD F32x16 load_s8_n(const int8_t* p, int64_t n) {
    int8_t bytes[16] = {0};
    copy_bytes(bytes, p, n);
    return load_s8(bytes);
  }
  static SINTER_SIMD F32x16 load_f16(const uint16_t* p) {
    return {_mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))),
            _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p + 8)))};
  }
  static SINTER_SIMD F32x16 load_f16_n(const uint16_t* p, int64_t n) {
    uint16_t halves[16] = {0};
    copy_bytes(halves, p, 2 * n);
    return load_f16(halves);
  }
  SINTER_SIMD void store(float* p) const {
    _mm256_storeu_ps(p, lo);
    _mm256_storeu_ps(p + 8, hi);
  }
  SINTER_SIMD void store_n(float* p, int64_t n) const {
    _mm256_maskstore_ps(p, lanes_below(n, 0), lo);
    _mm256_maskstore_ps(p + 8, lanes_below(n, 8), hi);
  }
};

struct I32x16 {
  __m256i lo, hi;

  static SINTER_SIMD I32x16 set(int32_t x) {
    const __m256i v = _mm256_set1_epi32(x);
    return {v, v};
  }
  static SINTER_SIMD I32x16 iota() {
    return {_mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7),
            _mm256_setr_epi32(8, 9, 10, 11, 12, 13, 14, 15)};
  }
  SINTER_SIMD void store(int32_t* p) const {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), lo);
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(p + 8), hi);
  }
  SINTER_SIMD __m128i low_bytes() const {
    const __m256i byte = _mm256_set1_epi32(255);
    const __m256i words =
        _mm256_packus_epi32(_mm256_and_si256(lo, byte), _mm256_and_si256(hi, byte));
    const __m256i bytes = _mm256_packus_epi16(words, words);  // per 128-bit lane: lo 4, hi 4, twice
    const __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 0, 4, 1, 5);
    return _mm256_castsi256_si128(_mm256_permutevar8x32_epi32(bytes, order));
  }
  SINTER_SIMD void store_bytes(void* p) const {
    _mm_storeu_si128(static_cast<__m128i*>(p), low_bytes());
  }
  SINTER_SIMD void store_bytes_n(void* p, int64_t n) const {
    char bytes[16];
    _mm_storeu_si128(reinterpret_cast<__m128i*>(bytes), low_bytes());
    copy_bytes(p, bytes, n);
  }
};

struct Mask16 {
  __m256 lo, hi;
};

SINTER_SIMD F32x16 operator+(F32x16 a, F32x16 b) {
  return {_mm256_add_ps(a.lo, b.lo), _mm256_add_ps(a.hi, b.hi)};
}
SINTER_SIMD F32x16 operator-(F32x16 a, F32x16 b) {
  return {_mm256_sub_ps(a.lo, b.lo), _mm256_sub_ps(a.hi, b.hi)};
}
SINTER_SIMD F32x16 operator*(F32x16 a, F32x16 b) {
  return {_mm256_mul_ps(a.lo, b.lo), _mm256_mul_ps(a.hi, b.hi)};
}
SINTER_SIMD F32x16 operator/(F32x16 a, F32x16 b) {
  return {_mm256_div_ps(a.lo, b.lo), _mm256_div_ps(a.hi, b.hi)};
}
SINTER_SIMD F32x16 fma(F32x16 a, F32x16 b, F32x16 c) {
  return {_mm256_fmadd_ps(a.lo, b.lo, c.lo), _mm256_fmadd_ps(a.hi, b.hi, c.hi)};
}
SINTER_SIMD F32x16 fnma(F32x16 a, F32x16 b, F32x16 c) {
  return {_mm256_fnmadd_ps(a.lo, b.lo, c.lo), _mm256_fnmadd_ps(a.hi, b.hi, c.hi)};
}
SINTER_SIMD F32x16 min(F32x16 a, F32x16 b) {
  return {_mm256_min_ps(a.lo, b.lo), _mm256_min_ps(a.hi, b.hi)};
}
SINTER_SIMD F32x16 max(F32x16 a, F32x16 b) {
  return {_mm256_max_ps(a.lo, b.lo), _mm256_max_ps(a.hi, b.hi)};
}
SINTER_SIMD F32x16 abs(F32x16 a) {
  const __m256 top = _mm256_set1_ps(-0.0f);
  return {_mm256_andnot_ps(top, a.lo), _mm256_andnot_ps(top, a.hi)};
}
SINTER_SIMD F32x16 sqrt(F32x16 a) { return {_mm256_sqrt_ps(a.lo), _mm256_sqrt_ps(a.hi)}; }
SINTER_SIMD F32x16 round(F32x16 a) {
  constexpr int kNearest = _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC;
  return {_mm256_round_ps(a.lo, kNearest), _mm256_round_ps(a.hi, kNearest)};
}
SINTER_SIMD F32x16 copy_sign(F32x16 a, F32x16 sign) {
  const __m256 top = _mm256_set1_ps(-0.0f);
  return {_mm256_or_ps(_mm256_andnot_ps(top, a.lo), _mm256_and_ps(top, sign.lo)),
          _mm256_or_ps(_mm256_andnot_ps(top, a.hi), _mm256_and_ps(top, sign.hi))};
}

SINTER_SIMD Mask16 operator<(F32x16 a, F32x16 b) {
  return {_mm256_cmp_ps(a.lo, b.lo, _CMP_LT_OQ), _mm256_cmp_ps(a.hi, b.hi, _CMP_LT_OQ)};
}
SINTER_SIMD Mask16 operator<=(F32x16 a, F32x16 b) {
  return {_mm256_cmp_ps(a.lo, b.lo, _CMP_LE_OQ), _mm256_cmp_ps(a.hi, b.hi, _CMP_LE_OQ)};
}
SINTER_SIMD Mask16 operator==(F32x16 a, F32x16 b) {
  return {_mm256_cmp_ps(a.lo, b.lo, _CMP_EQ_OQ), _mm256_cmp_ps(a.hi, b.hi, _CMP_EQ_OQ)};
}
SINTER_SIMD F32x16 select(Mask16 m, F32x16 a, F32x16 b) {
  return {_mm256_blendv_ps(b.lo, a.lo, m.lo), _mm256_blendv_ps(b.hi, a.hi, m.hi)};
}
SINTER_SIMD uint32_t bits(Mask16 m) {
  return static_cast<uint32_t>(_mm256_movemask_ps(m.lo)) |
         static_cast<uint32_t>(_mm256_movemask_ps(m.hi)) << 8;
}

SINTER_SIMD I32x16 operator+(I32x16 a, I32x16 b) {
  return {_mm256_add_epi32(a.lo, b.lo), _mm256_add_epi32(a.hi, b.hi)};
}
SINTER_SIMD I32x16 operator*(I32x16 a, I32x16 b) {
  return {_mm256_mullo_epi32(a.lo, b.lo), _mm256_mullo_epi32(a.hi, b.hi)};
}
SINTER_SIMD I32x16 operator^(I32x16 a, I32x16 b) {
  return {_mm256_xor_si256(a.lo, b.lo), _mm256_xor_si256(a.hi, b.hi)};
}
SINTER_SIMD I32x16 min(I32x16 a, I32x16 b) {
  return {_mm256_min_epi32(a.lo, b.lo), _mm256_min_epi32(a.hi, b.hi)};
}
SINTER_SIMD I32x16 max(I32x16 a, I32x16 b) {
  return {_mm256_max_epi32(a.lo, b.lo), _mm256_max_epi32(a.hi, b.hi)};
}
template <int kBits>
SINTER_SIMD I32x16 shift_left(I32x16 a) {
  return {_mm256_slli_epi32(a.lo, kBits), _mm256_slli_epi32(a.hi, kBits)};
}
template <int kBits>
SINTER_SIMD I32x16 shift_right(I32x16 a) {
  return {_mm256_srli_epi32(a.lo, kBits), _mm256_srli_epi32(a.hi, kBits)};
}
SINTER_SIMD Mask16 ge_unsigned(I32x16 a, I32x16 b) {
  return {_mm256_castsi256_ps(_mm256_cmpeq_epi32(_mm256_max_epu32(a.lo, b.lo), a.lo)),
          _mm256_castsi256_ps(_mm256_cmpeq_epi32(_mm256_max_epu32(a.hi, b.hi), a.hi))};
}
SINTER_SIMD Mask16 lt_unsigned(I32x16 a, I32x16 b) {
  const __m256i top = _mm256_set1_epi32(INT32_MIN);  // moves unsigned order onto signed order
  return {_mm256_castsi256_ps(
              _mm256_cmpgt_epi32(_mm256_xor_si256(b.lo, top), _mm256_xor_si256(a.lo, top))),
          _mm256_castsi256_ps(
              _mm256_cmpgt_epi32(_mm256_xor_si256(b.hi, top), _mm256_xor_si256(a.hi, top)))};
}
SINTER_SIMD I32x16 as_int(F32x16 a) {
  return {_mm256_castps_si256(a.lo), _mm256_castps_si256(a.hi)};
}
SINTER_SIMD F32x16 as_float(I32x16 a) {
  return {_mm256_castsi256_ps(a.lo), _mm256_castsi256_ps(a.hi)};
}
SINTER_SIMD I32x16 select(Mask16 m, I32x16 a, I32x16 b) {
  return as_int(select(m, as_float(a), as_float(b)));
}
SINTER_SIMD I32x16 to_int(F32x16 a) { return {_mm256_cvtps_epi32(a.lo), _mm256_cvtps_epi32(a.hi)}; }
SINTER_SIMD F32x16 to_float(I32x16 a) {
  return {_mm256_cvtepi32_ps(a.lo), _mm256_cvtepi32_ps(a.hi)};
}

// Reduces a tree of lane pairs: (i, i + 8), then (i, i + 4), (i, i + 2), (i, i + 1).
SINTER_SIMD float reduce_add(F32x16 a) {
  const __m256 e = _mm256_add_ps(a.lo, a.hi);
  const __m128 f = _mm_add_ps(_mm256_castps256_ps128(e), _mm256_extractf128_ps(e, 1));
  const __m128 g = _mm_add_ps(f, _mm_movehl_ps(f, f));
  return _mm_cvtss_f32(_mm_add_ss(g, _mm_movehdup_ps(g)));
}
SINTER_SIMD float reduce_max(F32x16 a) {
  const __m256 e = _mm256_max_ps(a.lo, a.hi);
  const __m128 f = _mm_max_ps(_mm256_castps256_ps128(e), _mm256_extractf128_ps(e, 1));
  const __m128 g = _mm_max_ps(f, _mm_movehl_ps(f, f));
  return _mm_cvtss_f32(_mm_max_ss(g, _mm_movehdup_ps(g)));
}
SINTER_SIMD float reduce_min(F32x16 a) {
  const __m256 e = _mm256_min_ps(a.lo, a.hi);
  const __m128 f = _mm_min_ps(_mm256_castps256_ps128(e), _mm256_extractf128_ps(e, 1));
  const __m128 g = _mm_min_ps(f, _mm_movehl_ps(f, f));
  return _mm_cvtss_f32(_mm_min_ss(g, _mm_movehdup_ps(g)));
}

// Four reduction trees at once; the result holds a[0] a[0] a[1] a[1] a[2] a[2] a[3] a[3]. From the
// second step on a register holds two of the values, then all four.
template <class Join>
SINTER_SIMD __m256 reduce_4(const F32x16* a, Join join) {
  __m256 e[4];
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) e[i] = join(a[i].lo, a[i].hi);
  const __m256 f =
      join(_mm256_permute2f128_ps(e[0], e[2], 0x20), _mm256_permute2f128_ps(e[0], e[2], 0x31));
  const __m256 g =
      join(_mm256_permute2f128_ps(e[1], e[3], 0x20), _mm256_permute2f128_ps(e[1], e[3], 0x31));
  const __m256 h = join(_mm256_shuffle_ps(f, g, 0x44), _mm256_shuffle_ps(f, g, 0xEE));
  return join(h, _mm256_permute_ps(h, 0xB1));
}
SINTER_SIMD void reduce_add_4(const F32x16* a, float* to) {
  const __m256 sums = reduce_4(a, [](__m256 x, __m256 y) { return _mm256_add_ps(x, y); });
  const __m256i order = _mm256_setr_epi32(0, 2, 4, 6, 0, 2, 4, 6);
  _mm_storeu_ps(to, _mm256_castps256_ps128(_mm256_permutevar8x32_ps(sums, order)));
}
SINTER_SIMD void spread_max_4(F32x16* a) {
  const __m256 g = reduce_4(a, [](__m256 x, __m256 y) { return _mm256_max_ps(x, y); });
  const __m256 even = _mm256_permute_ps(g, 0x00), odd = _mm256_permute_ps(g, 0xFF);
  a[0].lo = a[0].hi = _mm256_permute2f128_ps(even, even, 0x00);
  a[1].lo = a[1].hi = _mm256_permute2f128_ps(odd, odd, 0x00);
  a[2].lo = a[2].hi = _mm256_permute2f128_ps(even, even, 0x11);
  a[3].lo = a[3].hi = _mm256_permute2f128_ps(odd, odd, 0x11);
}

struct F64x16 {
  __m256d q[4];  // lanes 0-3, 4-7, 8-11, 12-15

  static SINTER_SIMD F64x16 zero() {
    const __m256d z = _mm256_setzero_pd();
    return {{z, z, z, z}};
  }
};

SINTER_SIMD F64x16 widen(F32x16 a) {
  return {{_mm256_cvtps_pd(_mm256_castps256_ps128(a.lo)),
           _mm256_cvtps_pd(_mm256_extractf128_ps(a.lo, 1)),
           _mm256_cvtps_pd(_mm256_castps256_ps128(a.hi)),
           _mm256_cvtps_pd(_mm256_extractf128_ps(a.hi, 1))}};
}
SINTER_SIMD F64x16 fma(const F64x16& a, const F64x16& b, const F64x16& c) {
  return {{_mm256_fmadd_pd(a.q[0], b.q[0], c.q[0]), _mm256_fmadd_pd(a.q[1], b.q[1], c.q[1]),
           _mm256_fmadd_pd(a.q[2], b.q[2], c.q[2]), _mm256_fmadd_pd(a.q[3], b.q[3], c.q[3])}};
}
SINTER_SIMD double reduce_add(const F64x16& a) {
  const __m256d d = _mm256_add_pd(a.q[0], a.q[2]), f = _mm256_add_pd(a.q[1], a.q[3]);
  const __m256d e = _mm256_add_pd(d, f);
  const __m128d g = _mm_add_pd(_mm256_castpd256_pd128(e), _mm256_extractf128_pd(e, 1));
  return _mm_cvtsd_f64(_mm_add_sd(g, _mm_unpackhi_pd(g, g)));
}

// dst[c * 16 + r] = src[(r < rows ? r : rows - 1) * src_row + c] for r, c < 8.
SINTER_SIMD void transpose_8x8(const float* src, int64_t src_row, int64_t rows, float* dst) {
  __m256 a[8], b[8];
#pragma GCC unroll 8
  for (int r = 0; r < 8; ++r) a[r] = _mm256_loadu_ps(src + (r < rows ? r : rows - 1) * src_row);
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {  // pairs of rows
    b[2 * i] = _mm256_unpacklo_ps(a[2 * i], a[2 * i + 1]);
    b[2 * i + 1] = _mm256_unpackhi_ps(a[2 * i], a[2 * i + 1]);
  }
#pragma GCC unroll 2
  for (int i = 0; i < 2; ++i) {  // 4x4 blocks: a[4 i + c] holds column c of each 128-bit lane
    for (int h = 0; h < 2; ++h) {
      const __m256 x = b[4 * i + h], y = b[4 * i + 2 + h];
      a[4 * i + 2 * h] = _mm256_shuffle_ps(x, y, 0x44);
      a[4 * i + 2 * h + 1] = _mm256_shuffle_ps(x, y, 0xEE);
    }
  }
#pragma GCC unroll 4
  for (int c = 0; c < 4; ++c) {  // 2x2 transpose of 128-bit lanes
    _mm256_storeu_ps(dst + c * 16, _mm256_permute2f128_ps(a[c], a[4 + c], 0x20));
    _mm256_storeu_ps(dst + (4 + c) * 16, _mm256_permute2f128_ps(a[c], a[4 + c], 0x31));
  }
}

// dst[c * 16 + r] = src[r * src_row + c] for r, c < 16. Rows from `rows` on repeat the last one (1
// <= rows).
SINTER_SIMD void transpose_16x16(const float* src, int64_t src_row, int64_t rows, float* dst) {
  transpose_8x8(src, src_row, rows, dst);
  transpose_8x8(src + 8, src_row, rows, dst + 8 * 16);
  const int64_t skip = rows > 8 ? 8 : rows - 1;
  transpose_8x8(src + skip * src_row, src_row, rows - skip, dst + 8);
  transpose_8x8(src + skip * src_row + 8, src_row, rows - skip, dst + 8 * 16 + 8);
}

}  // namespace
}  // namespace sinter
