// 8x8 transpose of floats in AVX2 registers, for packing B and copying a transposed A. Include it
// only from files built for AVX2 or better.
#pragma once

#include <immintrin.h>
#include <stdint.h>

namespace sinter {
namespace {

// to[i * to_row + j] = from[j * from_row + i] for i, j < 8.
inline void transpose_block(const float* from, int64_t from_row, float* to, int64_t to_row) {
  // Rows r and r + 4 side by side, so that only in-lane shuffles remain.
  __m256 x[4], y[4];
  for (int r = 0; r < 4; ++r) {
    const __m256 low = _mm256_castps128_ps256(_mm_loadu_ps(from + r * from_row));
    const __m256 high = _mm256_castps128_ps256(_mm_loadu_ps(from + r * from_row + 4));
    x[r] = _mm256_insertf128_ps(low, _mm_loadu_ps(from + (r + 4) * from_row), 1);
    y[r] = _mm256_insertf128_ps(high, _mm_loadu_ps(from + (r + 4) * from_row + 4), 1);
  }
  for (int half = 0; half < 2; ++half) {
    const __m256* z = half == 0 ? x : y;
    const __m256 a = _mm256_unpacklo_ps(z[0], z[1]), b = _mm256_unpackhi_ps(z[0], z[1]);
    const __m256 c = _mm256_unpacklo_ps(z[2], z[3]), d = _mm256_unpackhi_ps(z[2], z[3]);
    float* const out = to + half * 4 * to_row;
    _mm256_storeu_ps(out, _mm256_shuffle_ps(a, c, 0x44));
    _mm256_storeu_ps(out + to_row, _mm256_shuffle_ps(a, c, 0xEE));
    _mm256_storeu_ps(out + 2 * to_row, _mm256_shuffle_ps(b, d, 0x44));
    _mm256_storeu_ps(out + 3 * to_row, _mm256_shuffle_ps(b, d, 0xEE));
  }
}

// to[i * to_row + j] = from[j * from_row + i] for i < rows, j < columns; touches no other element.
inline void transpose(int64_t rows, int64_t columns, const float* from, int64_t from_row, float* to,
                      int64_t to_row) {
  const int64_t whole_columns = columns / 8 * 8, whole_rows = rows / 8 * 8;
  for (int64_t j = 0; j < whole_columns; j += 8) {
    for (int64_t i = 0; i < whole_rows; i += 8) {
      transpose_block(from + j * from_row + i, from_row, to + i * to_row + j, to_row);
    }
    for (int64_t i = whole_rows; i < rows; ++i) {
      for (int64_t l = j; l < j + 8; ++l) to[i * to_row + l] = from[l * from_row + i];
    }
  }
  for (int64_t j = whole_columns; j < columns; ++j) {
    for (int64_t i = 0; i < rows; ++i) to[i * to_row + j] = from[j * from_row + i];
  }
}

}  // namespace
}  // namespace sinter
