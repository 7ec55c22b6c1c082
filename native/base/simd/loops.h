// Loops over n floats in steps of 16 virtual lanes, the last step partial. Include after one header
// of base/simd. The rule: a reduction accumulates in 4 x 16 lanes (four vectors hide the latency of
// an add) and then in one fixed tree, so its bits depend on n and the values alone.
#pragma once

#include <stddef.h>
#include <stdint.h>

namespace sinter {
namespace {

// The access of a loop step to memory: Whole reads and writes all 16 lanes, Part the first n.
template <class V>
struct Whole {
  SINTER_SIMD V load(const float* p, float = 0.0f) const { return V::load(p); }
  SINTER_SIMD V load_s8(const int8_t* p) const { return V::load_s8(p); }
  SINTER_SIMD V load_f16(const uint16_t* p) const { return V::load_f16(p); }
  SINTER_SIMD void store(V v, float* p) const { v.store(p); }
  SINTER_SIMD void store_bytes(I32x16 v, void* p) const { v.store_bytes(p); }
};

template <class V>
struct Part {
  int64_t n;
  SINTER_SIMD V load(const float* p, float fill = 0.0f) const { return V::load_n(p, n, fill); }
  SINTER_SIMD V load_s8(const int8_t* p) const { return V::load_s8_n(p, n); }
  SINTER_SIMD V load_f16(const uint16_t* p) const { return V::load_f16_n(p, n); }
  SINTER_SIMD void store(V v, float* p) const { v.store_n(p, n); }
  SINTER_SIMD void store_bytes(I32x16 v, void* p) const { v.store_bytes_n(p, n); }
};

// body(i, lanes) for i = 0, 16, ... below n, where lanes is a Whole or a Part.
template <class V, class Body>
SINTER_SIMD void for_lanes(int64_t n, Body body) {
  int64_t i = 0;
  for (; i + 16 <= n; i += 16) body(i, Whole<V>{});
  if (i < n) body(i, Part<V>{n - i});
}

// Folds n elements into four accumulators by `step(accumulator, i, lanes)` and joins these by
// `join`. The last step loads missing lanes with a neutral `fill`, so that they leave the
// accumulator as it is.
template <class V, class Step, class Join>
SINTER_SIMD V fold_lanes(int64_t n, V start, Step step, Join join) {
  V a[4] = {start, start, start, start};
  int64_t i = 0;
  for (; i + 64 <= n; i += 64) {
#pragma GCC unroll 4
    for (int j = 0; j < 4; ++j) a[j] = step(a[j], i + 16 * j, Whole<V>{});
  }
#pragma GCC unroll 3
  for (int j = 0; j < 3; ++j) {
    if (i + 16 <= n) {
      a[j] = step(a[j], i, Whole<V>{});
      i += 16;
    }
  }
  if (i < n) a[3] = step(a[3], i, Part<V>{n - i});
  return join(join(a[0], a[1]), join(a[2], a[3]));
}

template <class V, class Step>
SINTER_SIMD float sum_lanes(int64_t n, Step step) {
  return reduce_add(fold_lanes<V>(n, V::zero(), step, [](V a, V b) { return a + b; }));
}

// The largest of n floats. Missing lanes are filled with -inf.
template <class V>
SINTER_SIMD float max_of(int64_t n, const float* x) {
  const float lowest = -__builtin_inff();
  const auto step = [&](V a, int64_t i, auto at) { return max(at.load(x + i, lowest), a); };
  return reduce_max(fold_lanes<V>(n, V::set(lowest), step, [](V a, V b) { return max(a, b); }));
}

}  // namespace
}  // namespace sinter
