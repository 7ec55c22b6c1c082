// Element-wise activations on any F32x16; the arithmetic is in activation_math.h, which the GEMM
// epilogues share.
#pragma once

#include "base/simd/loops.h"
#include "kernels/activation/activation.h"
#include "kernels/activation/activation_math.h"

namespace sinter {
namespace {

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

template <class V>
void activation_forward(Activation kind, int64_t n, const float* x, float* y) {
  switch (kind) {
    case Activation::none:
      return activate_row<V, Activation::none>(n, x, y);
    case Activation::gelu:
      return activate_row<V, Activation::gelu>(n, x, y);
    case Activation::gelu_tanh:
      return activate_row<V, Activation::gelu_tanh>(n, x, y);
    case Activation::relu:
      return activate_row<V, Activation::relu>(n, x, y);
    case Activation::tanh:
      return activate_row<V, Activation::tanh>(n, x, y);
    case Activation::silu:
      return activate_row<V, Activation::silu>(n, x, y);
  }
}

template <class V>
void activation_backward(Activation kind, int64_t n, const float* x, const float* dy, float* dx) {
  switch (kind) {
    case Activation::none:
      return differentiate_all<V, Activation::none>(n, x, dy, dx);
    case Activation::gelu:
      return differentiate_all<V, Activation::gelu>(n, x, dy, dx);
    case Activation::gelu_tanh:
      return differentiate_all<V, Activation::gelu_tanh>(n, x, dy, dx);
    case Activation::relu:
      return differentiate_all<V, Activation::relu>(n, x, dy, dx);
    case Activation::tanh:
      return differentiate_all<V, Activation::tanh>(n, x, dy, dx);
    case Activation::silu:
      return differentiate_all<V, Activation::silu>(n, x, dy, dx);
  }
}

template <class V>
constexpr ActivationKernels make_activation_kernels() {
  return {activation_forward<V>, activation_backward<V>};
}

}  // namespace
}  // namespace sinter
