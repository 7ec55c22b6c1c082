// Losses of independent elements on any F32x16. Lanes beyond the row must add nothing to its sum,
// so they hold a logit so low, or an error of 0, that their loss is exactly 0.
#pragma once

#include "base/simd/loops.h"
#include "kernels/activation/activation_math.h"
#include "kernels/loss/loss.h"

namespace sinter {
namespace {

// log(1 + e) for 0 <= e <= 1, as 2 artanh(e / (2 + e)): a series in a square of at most 1/9, cut
// where the rest is below 1e-8 of the result. It keeps all digits for small e.
template <class V>
SINTER_SIMD V log_one_plus(V e) {
  constexpr float kOdd[] = {1.0f / 13, 1.0f / 11, 1.0f / 9, 1.0f / 7, 1.0f / 5, 1.0f / 3, 1.0f};
  const V s = e / (V::set(2.0f) + e), z = s * s;
  V series = V::set(1.0f / 15);
#pragma GCC unroll 7
  for (int k = 0; k < 7; ++k) series = fma(series, z, V::set(kOdd[k]));
  return V::set(2.0f) * s * series;
}

template <class V>
void binary_cross_entropy(int64_t rows, int64_t n, const float* x, const float* target,
                          float weight, float* loss, float* dx) {
  constexpr float kNoLoss = -1e30f;  // with a target of 0
  const V one = V::set(1.0f), factor = V::set(weight);
  for (int64_t r = 0; r < rows; ++r) {
    const int64_t begin = r * n;
    loss[r] = sum_lanes<V>(n, [&](V sum, int64_t i, auto at) {
      const V logit = at.load(x + begin + i, kNoLoss), t = at.load(target + begin + i);
      const V e = exp(V::zero() - abs(logit));
      const V high = one / (one + e);
      const V sigmoid = select(logit < V::zero(), e * high, high);
      at.store(factor * (sigmoid - t), dx + begin + i);
      return sum + (fnma(logit, t, max(V::zero(), logit)) + log_one_plus(e));
    });
  }
}

template <class V>
void squared_error(int64_t rows, int64_t n, const float* x, const float* target, float weight,
                   float* loss, float* dx) {
  const V factor = V::set(2.0f * weight);
  for (int64_t r = 0; r < rows; ++r) {
    const int64_t begin = r * n;
    loss[r] = sum_lanes<V>(n, [&](V sum, int64_t i, auto at) {
      const V error = at.load(x + begin + i) - at.load(target + begin + i);
      at.store(factor * error, dx + begin + i);
      return fma(error, error, sum);
    });
  }
}

template <class V>
constexpr LossKernels make_loss_kernels() {
  return {binary_cross_entropy<V>, squared_error<V>};
}

}  // namespace
}  // namespace sinter
