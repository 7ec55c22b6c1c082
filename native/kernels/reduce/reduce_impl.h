// Row sums and element-wise sums on any F32x16. A column is one chain of adds in increasing row,
// kept in registers over a strip of columns.
#pragma once

#include "base/simd/loops.h"
#include "kernels/reduce/reduce.h"

namespace sinter {
namespace {

// Columns of a strip; 4 vectors hide the latency of the adds.
constexpr int64_t kStrip = 64;

template <class V>
void add_rows(int64_t rows, int64_t n, const float* x, int64_t x_row, float* out) {
  int64_t j = 0;
  for (; j + kStrip <= n; j += kStrip) {
    V sum[4];
#pragma GCC unroll 4
    for (int c = 0; c < 4; ++c) sum[c] = V::load(out + j + 16 * c);
    for (int64_t i = 0; i < rows; ++i) {
#pragma GCC unroll 4
      for (int c = 0; c < 4; ++c) sum[c] = sum[c] + V::load(x + i * x_row + j + 16 * c);
    }
#pragma GCC unroll 4
    for (int c = 0; c < 4; ++c) sum[c].store(out + j + 16 * c);
  }
  for_lanes<V>(n - j, [&](int64_t c, auto at) {
    V sum = at.load(out + j + c);
    for (int64_t i = 0; i < rows; ++i) sum = sum + at.load(x + i * x_row + j + c);
    at.store(sum, out + j + c);
  });
}

template <class V>
void add_all(int64_t n, const float* a, const float* b, float* y) {
  for_lanes<V>(n, [&](int64_t i, auto at) { at.store(at.load(a + i) + at.load(b + i), y + i); });
}

template <class V>
constexpr ReduceKernels make_reduce_kernels() {
  return {add_rows<V>, add_all<V>};
}

}  // namespace
}  // namespace sinter
