// Parameter updates. AdamW with decoupled decay, as in PyTorch (Loshchilov & Hutter 2019):
//
//   g = grad * grad_scale;  p *= 1 - lr * decay
//   m = m + (g - m) * (1 - beta1);  v = beta2 * v + (1 - beta2) * g * g
//   p -= (lr / correction1) * m / (sqrt(v) / sqrt(correction2) + epsilon)
//   where correction = 1 - beta^step
//
// Gradient descent with momentum, as in PyTorch with dampening 0; decay is coupled:
//
//   g = grad * grad_scale + decay * p;  b = momentum * b + g
//   p -= lr * (nesterov ? g + momentum * b : b)
//
// Consistent. n = 0 is allowed; arrays do not alias.
#pragma once

#include <cstdint>

#include "base/kernel_table.h"

namespace sinter {

// Numbers in double, because in float 1 - beta2 would be off by 1e-5 of itself: float(0.001)
// against 1 - float(0.999).
struct AdamWStep {
  double lr, beta1, beta2, epsilon, decay;
  double correction1, correction2;  // 1 - beta^step
  double grad_scale;                // 1, or the factor of gradient clipping
};

struct SgdStep {
  double lr, momentum, decay;
  double grad_scale;
  bool nesterov;
};

struct OptimizerKernels {
  void (*adamw)(const AdamWStep& step, int64_t n, float* p, const float* grad, float* m, float* v);
  // momentum_buffer may be nullptr when the momentum is 0.
  void (*sgd)(const SgdStep& step, int64_t n, float* p, const float* grad, float* momentum_buffer);
  // p *= factor: the AdamW update of elements whose gradient has been 0 in every step.
  void (*scale)(int64_t n, float factor, float* p);
  // Sum of squares in float64: 16 virtual lanes of double, one fixed tree.
  double (*sum_squares)(int64_t n, const float* x);
};

#define SINTER_KERNEL(isa, name) const OptimizerKernels& name();
#include "kernels/optimizer/kernels.inc"
#undef SINTER_KERNEL

KernelRows<OptimizerKernels> optimizer_rows();

}  // namespace sinter
