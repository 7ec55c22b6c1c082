// Layer and RMS norm on any F32x16. Layer norm takes the mean first, then the variance of s - mean,
// so that a large mean costs no digits. RMS norm is the same with a mean of 0.
#pragma once

#include "base/simd/loops.h"
#include "kernels/norm/norm.h"

namespace sinter {
namespace {

// Columns of a strip in norm_backward_params: 2 x 4 vectors stay in registers over all rows.
constexpr int64_t kNormStrip = 64;

// The sum of s = x + residual (or of x). Copies s to `kept` unless it is nullptr.
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

// 1 / sqrt(mean of (s - center)^2 + epsilon).
template <class V>
SINTER_SIMD float reciprocal_deviation(int64_t n, const float* s, float mean, float epsilon) {
  const V center = V::set(mean);
  const float squares = sum_lanes<V>(n, [&](V sum, int64_t i, auto at) {
    const V d = at.load(s + i, mean) - center;
    return fma(d, d, sum);
  });
  return 1.0f / __builtin_sqrtf(squares / static_cast<float>(n) + epsilon);
}

// out <- (s - mean) * rstd * weight (+ bias).
template <class V>
SINTER_SIMD void scale_shifted(int64_t n, const float* s, float mean, float rstd,
                               const float* weight, const float* bias, float* out) {
  const V center = V::set(mean), scale = V::set(rstd);
  if (bias == nullptr) {
    for_lanes<V>(n, [&](int64_t i, auto at) {
      const V normal = (at.load(s + i) - center) * scale;
      at.store(fma(normal, at.load(weight + i), V::zero()), out + i);
    });
    return;
  }
  for_lanes<V>(n, [&](int64_t i, auto at) {
    const V normal = (at.load(s + i) - center) * scale;
    at.store(fma(normal, at.load(weight + i), at.load(bias + i)), out + i);
  });
}

template <class V, bool kCentered>
void norm_forward(int64_t rows, int64_t n, const float* x, const float* residual,
                  const float* weight, const float* bias, float epsilon, float* sum, float* mean,
                  float* rstd, float* y) {
  for (int64_t r = 0; r < rows; ++r) {
    float* out = y + r * n;
    // s is kept in `sum`. Without `sum` it is kept in y until the end, or is x itself where there
    // is no residual.
    float* kept = sum != nullptr ? sum + r * n : residual != nullptr ? out : nullptr;
    const float* s = kept != nullptr ? kept : x + r * n;
    const float* other = residual != nullptr ? residual + r * n : nullptr;
    float row_mean = 0.0f;
    if (kCentered || kept != nullptr) {
      const float total = sum_of_row<V>(n, x + r * n, other, kept);
      if (kCentered) row_mean = total / static_cast<float>(n);
    }
    const float row_rstd = reciprocal_deviation<V>(n, s, row_mean, epsilon);
    if (sum != nullptr) {
      if (kCentered) mean[r] = row_mean;
      rstd[r] = row_rstd;
    }
    scale_shifted<V>(n, s, row_mean, row_rstd, weight, bias, out);
  }
}

template <class V, bool kCentered>
void norm_backward_input(int64_t rows, int64_t n, const float* s, const float* mean,
                         const float* rstd, const float* weight, const float* dy, float* ds) {
  const float count = static_cast<float>(n);
  for (int64_t r = 0; r < rows; ++r) {
    const float* sr = s + r * n;
    const float* dr = dy + r * n;
    const V center = V::set(kCentered ? mean[r] : 0.0f), scale = V::set(rstd[r]);
    float sum_g = 0.0f;
    if (kCentered) {
      sum_g = sum_lanes<V>(n, [&](V sum, int64_t i, auto at) {
        return fma(at.load(dr + i), at.load(weight + i), sum);
      });
    }
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

// Adds the rows to columns j.. of the parameter gradients, `vectors` vectors wide. Each column is a
// chain over the rows.
template <class V, bool kCentered, bool kBias, int vectors, class Lanes>
SINTER_SIMD void backward_params_strip(int64_t rows, int64_t n, int64_t j, Lanes at, const float* s,
                                       const float* mean, const float* rstd, const float* dy,
                                       float* dweight, float* dbias) {
  V dw[vectors], db[vectors];
#pragma GCC unroll 4
  for (int c = 0; c < vectors; ++c) {
    dw[c] = at.load(dweight + j + 16 * c);
    db[c] = kBias ? at.load(dbias + j + 16 * c) : V::zero();
  }
  for (int64_t r = 0; r < rows; ++r) {
    const V center = V::set(kCentered ? mean[r] : 0.0f), scale = V::set(rstd[r]);
#pragma GCC unroll 4
    for (int c = 0; c < vectors; ++c) {
      const V d = at.load(dy + r * n + j + 16 * c);
      dw[c] = fma(d, (at.load(s + r * n + j + 16 * c) - center) * scale, dw[c]);
      if (kBias) db[c] = db[c] + d;
    }
  }
#pragma GCC unroll 4
  for (int c = 0; c < vectors; ++c) {
    at.store(dw[c], dweight + j + 16 * c);
    if (kBias) at.store(db[c], dbias + j + 16 * c);
  }
}

template <class V, bool kCentered, bool kBias>
SINTER_SIMD void backward_params_columns(int64_t rows, int64_t n, int64_t begin, int64_t end,
                                         const float* s, const float* mean, const float* rstd,
                                         const float* dy, float* dweight, float* dbias) {
  int64_t j = begin;
  for (; j + kNormStrip <= end; j += kNormStrip) {
    backward_params_strip<V, kCentered, kBias, 4>(rows, n, j, Whole<V>{}, s, mean, rstd, dy,
                                                  dweight, dbias);
  }
  for_lanes<V>(end - j, [&](int64_t i, auto at) {
    backward_params_strip<V, kCentered, kBias, 1>(rows, n, j + i, at, s, mean, rstd, dy, dweight,
                                                  dbias);
  });
}

template <class V, bool kCentered>
void norm_backward_params(int64_t rows, int64_t n, int64_t begin, int64_t end, const float* s,
                          const float* mean, const float* rstd, const float* dy, float* dweight,
                          float* dbias) {
  if (dbias == nullptr) {
    backward_params_columns<V, kCentered, false>(rows, n, begin, end, s, mean, rstd, dy, dweight,
                                                 dbias);
  } else {
    backward_params_columns<V, kCentered, true>(rows, n, begin, end, s, mean, rstd, dy, dweight,
                                                dbias);
  }
}

template <class V, bool kCentered>
constexpr NormForm make_norm_form() {
  return {norm_forward<V, kCentered>, norm_backward_input<V, kCentered>,
          norm_backward_params<V, kCentered>};
}

template <class V>
constexpr NormKernels make_norm_kernels() {
  return {make_norm_form<V, true>(), make_norm_form<V, false>()};
}

}  // namespace
}  // namespace sinter
