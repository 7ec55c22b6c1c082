// Quantization to int8 on any F32x16: one pass for the range of a row, one to convert and pack.
#pragma once

#include "base/simd/loops.h"
#include "kernels/quantize/quantize.h"

namespace sinter {
namespace {

// Below this range top / range is no finite float, and the row counts as zeros.
constexpr float kSmallestRange = 1e-36f;

struct Range {
  float lo, hi;
};

// min(0, min x) and max(0, max x) in one pass.
template <class V>
SINTER_SIMD Range range_of(int64_t n, const float* x) {
  V lo[2] = {V::zero(), V::zero()}, hi[2] = {V::zero(), V::zero()};
  int64_t i = 0;
  for (; i + 32 <= n; i += 32) {
#pragma GCC unroll 2
    for (int j = 0; j < 2; ++j) {
      const V v = V::load(x + i + 16 * j);
      lo[j] = min(v, lo[j]);
      hi[j] = max(v, hi[j]);
    }
  }
  for_lanes<V>(n - i, [&](int64_t j, auto at) {
    const V v = at.load(x + i + j);
    lo[0] = min(v, lo[0]);
    hi[0] = max(v, hi[0]);
  });
  return {reduce_min(min(lo[0], lo[1])), reduce_max(max(hi[0], hi[1]))};
}

// round(-lo / scale) in 0..top; lo <= 0 < scale.
inline int32_t zero_point(float lo, float scale, float top) {
  const float zero = __builtin_rintf(-lo / scale);
  if (!(zero > 0.0f)) return 0;
  return static_cast<int32_t>(zero < top ? zero : top);
}

template <class V>
void quantize_rows_u8(int activation_bits, int64_t rows, int64_t n, const float* x, int64_t x_row,
                      uint8_t* q, int64_t q_row, float* scale, int32_t* zero) {
  const int32_t top_code = (1 << activation_bits) - 1;
  const float top = static_cast<float>(top_code);
  const I32x16 smallest = I32x16::set(0), largest = I32x16::set(top_code);
  for (int64_t r = 0; r < rows; ++r) {
    const float* xr = x + r * x_row;
    uint8_t* qr = q + r * q_row;
    const Range range = range_of<V>(n, xr);
    const float width = range.hi - range.lo;
    if (width > kSmallestRange) {
      scale[r] = width / top;
      zero[r] = zero_point(range.lo, scale[r], top);
      const V inverse = V::set(top / width);
      const I32x16 shift = I32x16::set(zero[r]);
      for_lanes<V>(n, [&](int64_t i, auto at) {
        const I32x16 level = to_int(at.load(xr + i) * inverse) + shift;
        at.store_bytes(min(max(level, smallest), largest), qr + i);
      });
    } else {
      scale[r] = 0.0f;
      zero[r] = 0;
      __builtin_memset(qr, 0, static_cast<size_t>(n));
    }
    __builtin_memset(qr + n, 0, static_cast<size_t>(q_row - n));
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
