// Quantization to int8 on any F32x16, in two passes over a row: its range, then its codes.
#pragma once

#include "base/simd/loops.h"
#include "kernels/quantize/quantize.h"

namespace sinter {
namespace {

// At or below this range a row counts as zeros, because top / range would not be a finite float.
constexpr float kMinRange = 1e-36f;

struct Range {
  float lo, hi;
};

// A row of the input: PlainRow as it is, EqualizedRow with each channel multiplied by its
// equalizer.
template <class V>
struct PlainRow {
  const float* x;
  template <class Lanes>
  SINTER_SIMD V load(int64_t i, Lanes at) const {
    return at.load(x + i);
  }
};

template <class V>
struct EqualizedRow {
  const float *x, *equalizer;
  template <class Lanes>
  SINTER_SIMD V load(int64_t i, Lanes at) const {
    return at.load(x + i) * at.load(equalizer + i);
  }
};

// min(0, min x) and max(0, max x) in one pass.
template <class V, class Row>
SINTER_SIMD Range range_of(int64_t n, Row row) {
  V lo[2] = {V::zero(), V::zero()}, hi[2] = {V::zero(), V::zero()};
  int64_t i = 0;
  for (; i + 32 <= n; i += 32) {
#pragma GCC unroll 2
    for (int j = 0; j < 2; ++j) {
      const V v = row.load(i + 16 * j, Whole<V>{});
      lo[j] = min(v, lo[j]);
      hi[j] = max(v, hi[j]);
    }
  }
  for_lanes<V>(n - i, [&](int64_t j, auto at) {
    const V v = row.load(i + j, at);
    lo[0] = min(v, lo[0]);
    hi[0] = max(v, hi[0]);
  });
  return {reduce_min(min(lo[0], lo[1])), reduce_max(max(hi[0], hi[1]))};
}

// The zero point: round(-lo / scale) clamped to 0..top, where lo <= 0 < scale.
inline int32_t zero_point(float lo, float scale, float top) {
  const float zero = __builtin_rintf(-lo / scale);
  if (!(zero > 0.0f)) return 0;
  return static_cast<int32_t>(zero < top ? zero : top);
}

// Scale and zero point of a row; all zeros makes every code 0.
struct RowScale {
  float scale, inverse;
  int32_t zero;
};

inline RowScale row_scale(Range range, float top) {
  const float width = range.hi - range.lo;
  if (!(width > kMinRange)) return {0.0f, 0.0f, 0};
  const float scale = width / top;
  return {scale, top / width, zero_point(range.lo, scale, top)};
}

template <class V, class Row>
SINTER_SIMD void codes_of_row(int64_t n, Row row, const RowScale& by, int32_t top, uint8_t* q) {
  const I32x16 smallest = I32x16::set(0), largest = I32x16::set(top);
  const I32x16 shift = I32x16::set(by.zero);
  const V inverse = V::set(by.inverse);
  for_lanes<V>(n, [&](int64_t i, auto at) {
    const I32x16 level = to_int(row.load(i, at) * inverse) + shift;
    at.store_bytes(min(max(level, smallest), largest), q + i);
  });
}

// Quantizes rows of the input; row_at(r) gives row r as a PlainRow or an EqualizedRow.
template <class V, class RowAt>
SINTER_SIMD void quantize_rows(int32_t top, int64_t rows, int64_t n, RowAt row_at, uint8_t* q,
                               int64_t q_row, float* scale, int32_t* zero) {
  // Takes the ranges of a few rows before their codes, while the rows stay in the L1 cache: a
  // single row would wait for its reductions and three divisions.
  constexpr int64_t kRows = 8, kBlockFloats = 4096;
  const int64_t fit = n > 0 ? kBlockFloats / n : kRows;
  const int64_t together = fit < 1 ? 1 : fit < kRows ? fit : kRows;
  RowScale by[kRows];
  for (int64_t begin = 0; begin < rows; begin += together) {
    const int64_t count = rows - begin < together ? rows - begin : together;
    for (int64_t r = 0; r < count; ++r) {
      by[r] = row_scale(range_of<V>(n, row_at(begin + r)), static_cast<float>(top));
      scale[begin + r] = by[r].scale;
      zero[begin + r] = by[r].zero;
    }
    for (int64_t r = 0; r < count; ++r) {
      uint8_t* const qr = q + (begin + r) * q_row;
      codes_of_row<V>(n, row_at(begin + r), by[r], top, qr);
      __builtin_memset(qr + n, 0, static_cast<size_t>(q_row - n));
    }
  }
}

template <class V>
void quantize_rows_u8(int activation_bits, int64_t rows, int64_t n, const float* x, int64_t x_row,
                      const float* equalizer, uint8_t* q, int64_t q_row, float* scale,
                      int32_t* zero) {
  const int32_t top = activation_bits == 7 ? 127 : 255;
  if (equalizer == nullptr) {
    const auto row_at = [&](int64_t r) { return PlainRow<V>{x + r * x_row}; };
    quantize_rows<V>(top, rows, n, row_at, q, q_row, scale, zero);
  } else {
    const auto row_at = [&](int64_t r) { return EqualizedRow<V>{x + r * x_row, equalizer}; };
    quantize_rows<V>(top, rows, n, row_at, q, q_row, scale, zero);
  }
}

template <class V>
SINTER_SIMD float largest_magnitude(int64_t n, const float* w) {
  V largest = V::zero();
  for_lanes<V>(n, [&](int64_t i, auto at) { largest = max(abs(at.load(w + i)), largest); });
  return reduce_max(largest);
}

template <class V>
void quantize_weights_s8(int64_t rows, int64_t n, const float* w, int8_t* q, float* scale,
                         int32_t* sum) {
  const V smallest = V::set(-127.0f), largest = V::set(127.0f);
  for (int64_t r = 0; r < rows; ++r) {
    const float* wr = w + r * n;
    const float step = largest_magnitude<V>(n, wr) / 127.0f;
    scale[r] = step;
    I32x16 total = I32x16::set(0);
    if (step > 0.0f) {
      const V divisor = V::set(step);
      for_lanes<V>(n, [&](int64_t i, auto at) {
        const V level = max(min(at.load(wr + i) / divisor, largest), smallest);  // NaN: 127
        const I32x16 value = to_int(level);
        total = total + value;
        at.store_bytes(value, q + r * n + i);
      });
    } else {
      __builtin_memset(q + r * n, 0, static_cast<size_t>(n));
    }
    if (sum == nullptr) continue;
    int32_t lanes[16];
    total.store(lanes);
    sum[r] = 0;
    for (int i = 0; i < 16; ++i) sum[r] += lanes[i];
  }
}

template <class V>
constexpr QuantizeKernels make_quantize_kernels() {
  return {quantize_rows_u8<V>, quantize_weights_s8<V>};
}

}  // namespace
}  // namespace sinter
