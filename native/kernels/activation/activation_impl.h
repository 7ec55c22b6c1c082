// Element-wise activations on any F32x16; the arithmetic is in activation_math.h, which the GEMM
// epilogues share.
#pragma once

#include "base/simd/loops.h"
#include "kernels/activation/activation.h"
#include "kernels/activation/activation_math.h"

namespace sinter {
namespace {

// The kind as a type, so that `if` and `switch` over it are decided at compile time.
template <Activation kind>
struct Constant {
  static constexpr Activation value = kind;
};

// One loop per kind, so that the switch of activate() is decided at compile time.
template <class V, Activation kind>
void activate_row(int64_t n, const float* x, float* y) {
  constexpr int kStep = kTogether<V>;
  int64_t i = 0;
  for (; i + 16 * kStep <= n; i += 16 * kStep) {
    V values[kStep];
#pragma GCC unroll 4
    for (int q = 0; q < kStep; ++q) values[q] = V::load(x + i + 16 * q);
    activate_all(kind, values);
#pragma GCC unroll 4
    for (int q = 0; q < kStep; ++q) values[q].store(y + i + 16 * q);
  }
  for_lanes<V>(
      n - i, [&](int64_t j, auto at) { at.store(activate(kind, at.load(x + i + j)), y + i + j); });
}

template <class V, Activation kind>
void differentiate_all(int64_t n, const float* x, const float* dy, float* dx) {
  for_lanes<V>(n, [&](int64_t i, auto at) {
    at.store(at.load(dy + i) * activate_derivative(kind, at.load(x + i)), dx + i);
  });
}

template <class V, Activation kind>
void gate_rows(int64_t rows, int64_t n, const float* x, float* y) {
  constexpr int kStep = kTogether<V>;
  for (int64_t r = 0; r < rows; ++r) {
    const float* first = x + r * 2 * n;
    float* out = y + r * n;
    int64_t i = 0;
    for (; i + 16 * kStep <= n; i += 16 * kStep) {
      V values[kStep];
#pragma GCC unroll 4
      for (int q = 0; q < kStep; ++q) values[q] = V::load(first + i + 16 * q);
      activate_all(kind, values);
#pragma GCC unroll 4
      for (int q = 0; q < kStep; ++q)
        (values[q] * V::load(first + n + i + 16 * q)).store(out + i + 16 * q);
    }
    for_lanes<V>(n - i, [&](int64_t j, auto at) {
      at.store(activate(kind, at.load(first + i + j)) * at.load(first + n + i + j), out + i + j);
    });
  }
}

template <class V, Activation kind>
void differentiate_gate(int64_t rows, int64_t n, const float* x, const float* dy, float* dx) {
  for (int64_t r = 0; r < rows; ++r) {
    const float* first = x + r * 2 * n;
    float* dfirst = dx + r * 2 * n;
    for_lanes<V>(n, [&](int64_t i, auto at) {
      const V d = at.load(dy + r * n + i), f = at.load(first + i);
      const V product = d * at.load(first + n + i);
      at.store(fma(product, activate_derivative(kind, f), at.load(dfirst + i)), dfirst + i);
      at.store(fma(d, activate(kind, f), at.load(dfirst + n + i)), dfirst + n + i);
    });
  }
}

// Calls `call` with the Constant of `kind`.
template <class Call>
SINTER_SIMD void with_kind(Activation kind, Call call) {
  switch (kind) {
    case Activation::none:
      return call(Constant<Activation::none>{});
    case Activation::gelu:
      return call(Constant<Activation::gelu>{});
    case Activation::gelu_tanh:
      return call(Constant<Activation::gelu_tanh>{});
    case Activation::relu:
      return call(Constant<Activation::relu>{});
    case Activation::tanh:
      return call(Constant<Activation::tanh>{});
    case Activation::silu:
      return call(Constant<Activation::silu>{});
    case Activation::quick_gelu:
      return call(Constant<Activation::quick_gelu>{});
  }
}

template <class V>
void activation_forward(Activation kind, int64_t n, const float* x, float* y) {
  with_kind(kind, [&](auto k) { activate_row<V, k.value>(n, x, y); });
}

template <class V>
void activation_backward(Activation kind, int64_t n, const float* x, const float* dy, float* dx) {
  with_kind(kind, [&](auto k) { differentiate_all<V, k.value>(n, x, dy, dx); });
}

template <class V>
void gate_forward(Activation kind, int64_t rows, int64_t n, const float* x, float* y) {
  with_kind(kind, [&](auto k) { gate_rows<V, k.value>(rows, n, x, y); });
}

template <class V>
void gate_backward(Activation kind, int64_t rows, int64_t n, const float* x, const float* dy,
                   float* dx) {
  with_kind(kind, [&](auto k) { differentiate_gate<V, k.value>(rows, n, x, dy, dx); });
}

template <class V>
constexpr ActivationKernels make_activation_kernels() {
  return {activation_forward<V>, activation_backward<V>, gate_forward<V>, gate_backward<V>};
}

}  // namespace
}  // namespace sinter
