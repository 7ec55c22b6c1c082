// Layer norm on any F32x16: the mean first, then the variance of what is left, so that a large mean
// costs no digits.
#pragma once

#include "base/simd/loops.h"
#include "kernels/norm/norm.h"

namespace sinter {
namespace {

// Columns of a strip in layer_backward_params: 2 x 4 vectors stay in registers over all rows.
constexpr int64_t kNormStrip = 64;

// The sum of s = x + residual (or of x), on the way copied to `kept` (or not, when it is nullptr).
template <class V>
SINTER_SIMD float sum_of_row(int64_t n, const float* x, const float* residual, float* kept) {
  if (residual != nullptr) {
    return sum_lanes<V>(n, [&](V sum, int64_t i, auto at) {
      const V s = at.load(x + i) + at.load(residual + i);
      at.store(s, kept + i);
      return sum + s;
    });
  }
  return sum_lanes<V>(n, [&](V sum, int64_t i, auto at) {
    const V s = at.load(x + i);
    if (kept != nullptr) at.store(s, kept + i);
    return sum + s;
  });
}

// 1 / sqrt(variance + epsilon).
template <class V>
SINTER_SIMD float reciprocal_deviation(int64_t n, const float* s, float mean, float epsilon) {
  const V center = V::set(mean);
  const float squares = sum_lanes<V>(n, [&](V sum, int64_t i, auto at) {
    const V d = at.load(s + i, mean) - center;
    return fma(d, d, sum);
  });
  return 1.0f / __builtin_sqrtf(squares / static_cast<float>(n) + epsilon);
}

template <class V>
void layer_forward(int64_t rows, int64_t n, const float* x, const float* residual,
                   const float* weight, const float* bias, float epsilon, float* sum, float* mean,
                   float* rstd, float* y) {
  for (int64_t r = 0; r < rows; ++r) {
    float* out = y + r * n;
    // s is kept in `sum`; without one, in y until the end, unless it is x itself.
    float* kept = sum != nullptr ? sum + r * n : residual != nullptr ? out : nullptr;
    const float* s = kept != nullptr ? kept : x + r * n;
    const float* other = residual != nullptr ? residual + r * n : nullptr;
    const float row_mean = sum_of_row<V>(n, x + r * n, other, kept) / static_cast<float>(n);
    const float row_rstd = reciprocal_deviation<V>(n, s, row_mean, epsilon);
    if (sum != nullptr) {
      mean[r] = row_mean;
      rstd[r] = row_rstd;
    }
    const V center = V::set(row_mean), scale = V::set(row_rstd);
    for_lanes<V>(n, [&](int64_t i, auto at) {
      const V normal = (at.load(s + i) - center) * scale;
      at.store(fma(normal, at.load(weight + i), at.load(bias + i)), out + i);
    });
  }
}

template <class V>
void layer_backward_input(int64_t rows, int64_t n, const float* s, const float* mean,
                          const float* rstd, const float* weight, const float* dy, float* ds) {
  const float count = static_cast<float>(n);
  for (int64_t r = 0; r < rows; ++r) {
    const float* sr = s + r * n;
    const float* dr = dy + r * n;
    const V center = V::set(mean[r]), scale = V::set(rstd[r]);
    const float sum_g = sum_lanes<V>(n, [&](V sum, int64_t i, auto at) {
      return fma(at.load(dr + i), at.load(weight + i), sum);
    });
    const float sum_gx = sum_lanes<V>(n, [&](V sum, int64_t i, auto at) {
      const V normal = (at.load(sr + i) - center) * scale;
      return fma(at.load(dr + i) * at.load(weight + i), normal, sum);
    });
    const V mean_g = V::set(sum_g / count), mean_gx = V::set(sum_gx / count);
    for_lanes<V>(n, [&](int64_t i, auto at) {
      const V normal = (at.load(sr + i) - center) * scale;
      const V g = at.load(dr + i) * at.load(weight + i);
      at.store(scale * fnma(normal, mean_gx, g - mean_g), ds + r * n + i);
    });
  }
}

// Columns j.. of the parameter gradients, `vectors` vectors wide, each a chain over the rows.
template <class V, int vectors, class Lanes>
SINTER_SIMD void backward_params_strip(int64_t rows, int64_t n, int64_t j, Lanes at, const float* s,
                                       const float* mean, const float* rstd, const float* dy,
                                       float* dweight, float* dbias) {
  V dw[vectors], db[vectors];
#pragma GCC unroll 4
  for (int c = 0; c < vectors; ++c) {
    dw[c] = at.load(dweight + j + 16 * c);
    db[c] = at.load(dbias + j + 16 * c);
  }
  for (int64_t r = 0; r < rows; ++r) {
    const V center = V::set(mean[r]), scale = V::set(rstd[r]);
#pragma GCC unroll 4
    for (int c = 0; c < vectors; ++c) {
      const V d = at.load(dy + r * n + j + 16 * c);
      dw[c] = fma(d, (at.load(s + r * n + j + 16 * c) - center) * scale, dw[c]);
      db[c] = db[c] + d;
    }
  }
#pragma GCC unroll 4
  for (int c = 0; c < vectors; ++c) {
    at.store(dw[c], dweight + j + 16 * c);
    at.store(db[c], dbias + j + 16 * c);
  }
}

template <class V>
void layer_backward_params(int64_t rows, int64_t n, int64_t begin, int64_t end, const float* s,
                           const float* mean, const float* rstd, const float* dy, float* dweight,
                           float* dbias) {
  int64_t j = begin;
  for (; j + kNormStrip <= end; j += kNormStrip) {
    backward_params_strip<V, 4>(rows, n, j, Whole<V>{}, s, mean, rstd, dy, dweight, dbias);
  }
  for_lanes<V>(end - j, [&](int64_t i, auto at) {
    backward_params_strip<V, 1>(rows, n, j + i, at, s, mean, rstd, dy, dweight, dbias);
  });
}

template <class V>
constexpr NormKernels make_norm_kernels() {
  return {layer_forward<V>, layer_backward_input<V>, layer_backward_params<V>};
}

}  // namespace
}  // namespace sinter
