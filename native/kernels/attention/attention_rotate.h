// Rotary position embedding of one head, forward and backward. Include after one header of
// base/simd.
#pragma once

#include "base/simd/loops.h"
#include "kernels/attention/attention.h"

namespace sinter {
namespace {

template <class V>
void rotate_rows(const Rotation& rotation, const float* x, int64_t x_row, float* y, int64_t y_row) {
  const int64_t half = rotation.half, rest = rotation.head_dim - 2 * half;
  const V sign = V::set(rotation.backward ? -1.0f : 1.0f);
  for (int64_t i = 0; i < rotation.length; ++i, x += x_row, y += y_row) {
    const float* cos = rotation.cos + i * half;
    const float* sin = rotation.sin + i * half;
    for_lanes<V>(half, [&](int64_t d, auto at) {
      const V a = at.load(x + d), b = at.load(x + d + half);
      const V c = at.load(cos + d), s = at.load(sin + d) * sign;
      at.store(fnma(b, s, a * c), y + d);
      at.store(fma(a, s, b * c), y + d + half);
    });
    for_lanes<V>(
        rest, [&](int64_t d, auto at) { at.store(at.load(x + 2 * half + d), y + 2 * half + d); });
  }
}

}  // namespace
}  // namespace sinter
