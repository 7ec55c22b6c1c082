// Softmax of rows and its cross entropy on any F32x16.
#pragma once

#include "kernels/softmax/softmax.h"
#include "kernels/softmax/softmax_math.h"

namespace sinter {
namespace {

template <class V>
SINTER_SIMD void scale_row(int64_t n, float factor, float* y) {
  const V f = V::set(factor);
  for_lanes<V>(n, [&](int64_t i, auto at) { at.store(at.load(y + i) * f, y + i); });
}

template <class V>
void softmax_forward(int64_t rows, int64_t n, const float* x, float* y) {
  for (int64_t r = 0; r < rows; ++r) {
    const float sum = exp_row<V>(n, x + r * n, max_of<V>(n, x + r * n), y + r * n);
    scale_row<V>(n, 1.0f / sum, y + r * n);
  }
}

// Sum of exp(x - largest) without keeping the exponentials.
template <class V>
SINTER_SIMD float exp_sum(int64_t n, const float* x, float largest) {
  const V shift = V::set(largest);
  return sum_lanes<V>(n, [&](V sum, int64_t i, auto at) {
    return sum + exp(at.load(x + i, -__builtin_inff()) - shift);
  });
}

template <class V>
void cross_entropy(int64_t rows, int64_t n, const float* x, const int32_t* label, float weight,
                   float* loss, float* dx) {
  for (int64_t r = 0; r < rows; ++r) {
    const float* row = x + r * n;
    float* dr = dx == nullptr ? nullptr : dx + r * n;
    if (label[r] < 0) {
      loss[r] = 0.0f;
      if (dr != nullptr) __builtin_memset(dr, 0, static_cast<size_t>(n) * sizeof(float));
      continue;
    }
    const float largest = max_of<V>(n, row);
    const double below = static_cast<double>(largest) - static_cast<double>(row[label[r]]);
    const float sum = dr == nullptr ? exp_sum<V>(n, row, largest) : exp_row<V>(n, row, largest, dr);
    loss[r] = static_cast<float>(log_of(sum) + below);
    if (dr == nullptr) continue;
    const float at_label = weight * (dr[label[r]] / sum - 1.0f);
    scale_row<V>(n, weight / sum, dr);
    dr[label[r]] = at_label;
  }
}

template <class V>
constexpr SoftmaxKernels make_softmax_kernels() {
  return {softmax_forward<V>, cross_entropy<V>};
}

}  // namespace
}  // namespace sinter
