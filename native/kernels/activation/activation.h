// Element-wise activations (gelu in its erf form, gelu_tanh, relu, tanh, silu, quick_gelu), and
// gates: activation(first half of a row) * second half. The epilogues of the GEMMs use the same
// inline functions (activation_math.h), so a fused activation and a separate one give the same
// bits. y may alias x and dx may alias dy, but not in a gate. n = 0 is allowed. Largest errors
// against float64: see activation_math.h.
#pragma once

#include <cstdint>

#include "base/kernel_table.h"
#include "kernels/activation/activation_kind.h"

namespace sinter {

struct ActivationKernels {
  void (*forward)(Activation kind, int64_t n, const float* x, float* y);
  // dx = dy * f'(x), where x is the input of forward.
  void (*backward)(Activation kind, int64_t n, const float* x, const float* dy, float* dx);
  // x [rows, 2 n] -> y [rows, n], which may not alias x: y = f(first half of a row) * second half.
  void (*gate_forward)(Activation kind, int64_t rows, int64_t n, const float* x, float* y);
  // Adds the gradient of x to dx [rows, 2 n]: dy * second half * f'(first half) in the first half
  // of a row, dy * f(first half) in the second.
  void (*gate_backward)(Activation kind, int64_t rows, int64_t n, const float* x, const float* dy,
                        float* dx);
};

#define SINTER_KERNEL(isa, name) const ActivationKernels& name();
#include "kernels/activation/kernels.inc"
#undef SINTER_KERNEL

KernelRows<ActivationKernels> activation_rows();

}  // namespace sinter
