// Pooling of sequences and L2 normalisation on any F32x16. Memory bound: the pooled row stays in L1
// while the tokens stream past it.
#pragma once

#include "base/simd/loops.h"
#include "kernels/pool/pool.h"

namespace sinter {
namespace {

// max(kept, x), NaN when either is NaN.
template <class V>
SINTER_SIMD V max_or_nan(V kept, V x) {
  return select(x == x, max(x, kept), x);
}

// The tokens of a sequence that enter its pooling.
struct PooledTokens {
  int64_t first, count;
};

SINTER_SIMD PooledTokens pooled_tokens(Pooling kind, int64_t length, int64_t skipped) {
  if (kind == Pooling::cls) return {skipped, 1};
  if (kind == Pooling::lasttoken) return {length - 1, 1};
  return {skipped, length - skipped};
}

// The factor of the weighted sum of the tokens.
SINTER_SIMD float share_of(Pooling kind, int64_t length, int64_t skipped) {
  const float n = static_cast<float>(length), s = static_cast<float>(skipped);
  if (kind == Pooling::mean) return 1.0f / (n - s);
  if (kind == Pooling::mean_sqrt_len_tokens) return 1.0f / __builtin_sqrtf(n - s);
  if (kind == Pooling::weightedmean) return 2.0f / (n * (n + 1.0f) - s * (s + 1.0f));
  return 1.0f;
}

SINTER_SIMD float weight_of(Pooling kind, int64_t token) {
  return kind == Pooling::weightedmean ? static_cast<float>(token + 1) : 1.0f;
}

template <class V>
void pool_forward(Pooling kind, int64_t sequences, int64_t width, const int32_t* offsets,
                  int64_t skipped, const float* x, float* y) {
  for (int64_t s = 0; s < sequences; ++s) {
    const int64_t length = offsets[s + 1] - offsets[s];
    const PooledTokens tokens = pooled_tokens(kind, length, skipped);
    const float* first = x + (offsets[s] - offsets[0] + tokens.first) * width;
    float* out = y + s * width;
    const V lead = V::set(weight_of(kind, tokens.first));
    for_lanes<V>(width, [&](int64_t j, auto at) { at.store(at.load(first + j) * lead, out + j); });
    for (int64_t t = 1; t < tokens.count; ++t) {
      const float* token = first + t * width;
      const V weight = V::set(weight_of(kind, tokens.first + t));
      for_lanes<V>(width, [&](int64_t j, auto at) {
        const V kept = at.load(out + j), v = at.load(token + j);
        at.store(kind == Pooling::max ? max_or_nan(kept, v) : fma(weight, v, kept), out + j);
      });
    }
    const float factor = share_of(kind, length, skipped);
    if (factor == 1.0f) continue;
    const V share = V::set(factor);
    for_lanes<V>(width, [&](int64_t j, auto at) { at.store(at.load(out + j) * share, out + j); });
  }
}

// The gradient of max over the tokens of one sequence. `rest` is dy until the first token that
// holds the maximum has taken it, then 0.
template <class V>
SINTER_SIMD void max_backward(int64_t length, int64_t width, const float* x, const float* dy,
                              float* dx) {
  for_lanes<V>(width, [&](int64_t j, auto at) {
    V largest = at.load(x + j);
    for (int64_t t = 1; t < length; ++t) largest = max_or_nan(largest, at.load(x + t * width + j));
    V rest = at.load(dy + j);
    for (int64_t t = 0; t < length; ++t) {
      const Mask16 holds = at.load(x + t * width + j) == largest;
      at.store(select(holds, rest, V::zero()), dx + t * width + j);
      rest = select(holds, V::zero(), rest);
    }
  });
}

template <class V>
void pool_backward(Pooling kind, int64_t sequences, int64_t width, const int32_t* offsets,
                   const float* x, const float* dy, float* dx) {
  for (int64_t s = 0; s < sequences; ++s) {
    const int64_t begin = static_cast<int64_t>(offsets[s] - offsets[0]) * width;
    const int64_t length = offsets[s + 1] - offsets[s];
    const float* d = dy + s * width;
    if (kind == Pooling::max) {
      max_backward<V>(length, width, x + begin, d, dx + begin);
      continue;
    }
    const PooledTokens tokens = pooled_tokens(kind, length, 0);
    const float share = share_of(kind, length, 0);
    for (int64_t t = 0; t < length; ++t) {
      const bool takes = t >= tokens.first && t < tokens.first + tokens.count;
      const V factor = V::set(share * weight_of(kind, t));
      for_lanes<V>(width, [&](int64_t j, auto at) {
        at.store(takes ? at.load(d + j) * factor : V::zero(), dx + begin + t * width + j);
      });
    }
  }
}

template <class V>
SINTER_SIMD float norm_of(int64_t n, const float* x) {
  const float squares = sum_lanes<V>(n, [&](V sum, int64_t i, auto at) {
    const V v = at.load(x + i);
    return fma(v, v, sum);
  });
  const float norm = __builtin_sqrtf(squares);
  return norm < 1e-12f ? 1e-12f : norm;
}

template <class V>
void normalize_forward(int64_t rows, int64_t width, const float* x, float* y) {
  for (int64_t r = 0; r < rows; ++r) {
    const V norm = V::set(norm_of<V>(width, x + r * width));
    for_lanes<V>(width, [&](int64_t j, auto at) {
      at.store(at.load(x + r * width + j) / norm, y + r * width + j);
    });
  }
}

template <class V>
void normalize_backward(int64_t rows, int64_t width, const float* x, const float* dy, float* dx) {
  for (int64_t r = 0; r < rows; ++r) {
    const float* xr = x + r * width;
    const float* dr = dy + r * width;
    const V norm = V::set(norm_of<V>(width, xr));
    const V along = V::set(sum_lanes<V>(width, [&](V sum, int64_t j, auto at) {
      return fma(at.load(xr + j) / norm, at.load(dr + j), sum);
    }));
    for_lanes<V>(width, [&](int64_t j, auto at) {
      const V y = at.load(xr + j) / norm;
      at.store(fnma(y, along, at.load(dr + j)) / norm, dx + r * width + j);
    });
  }
}

template <class V>
constexpr PoolKernels make_pool_kernels() {
  return {pool_forward<V>, pool_backward<V>, normalize_forward<V>, normalize_backward<V>};
}

}  // namespace
}  // namespace sinter
