// Element-wise activations (gelu in its erf form, gelu_tanh, relu, tanh, silu, quick_gelu) and
// gates of two halves. The same inline functions serve the epilogue of the GEMMs
// (activation_math.h), so a fused and a separate activation give the same bits. y may alias x and
// dx may alias dy, but not in a gate. n = 0 is allowed. Largest error against float64: see
// activation_math.h.
#pragma once

#include <cstdint>

#include "base/kernel_table.h"
#include "kernels/activation/activation_kind.h"

namespace sinter {

struct ActivationKernels {
  void (*forward)(Activation kind, int64_t n, const float* x, float* y);
  // dx = dy * f'(x), where x is the input of forward.
  void (*backward)(Activation kind, int64_t n, const float* x, const float* dy, float* dx);
  // y = f(first half) * second half of every row of x [rows, 2 n]; y [rows, n] apart from x.
  void (*gate_forward)(Activation kind, int64_t rows, int64_t n, const float* x, float* y);
  // dx [rows, 2 n] += the gradient of x: dy * second * f'(first) beside dy * f(first).
  void (*gate_backward)(Activation kind, int64_t rows, int64_t n, const float* x, const float* dy,
                        float* dx);
};

#define SINTER_KERNEL(isa, name) const ActivationKernels& name();
#include "kernels/activation/kernels.inc"
#undef SINTER_KERNEL

KernelRows<ActivationKernels> activation_rows();

}  // namespace sinter
