// Parameter updates. AdamW with decoupled decay, as in PyTorch (Loshchilov & Hutter 2019):
//
//   g = grad * grad_scale;  p *= 1 - lr * decay
//   m = m + (g - m) * (1 - beta1);  v = beta2 * v + (1 - beta2) * g * g
//   p -= (lr / correction1) * m / (sqrt(v) / sqrt(correction2) + epsilon)
//   where correction = 1 - beta^step
//
// Adam, as in PyTorch: the same with decay 0, except that decay is coupled: g = grad * grad_scale +
// decay * p.
//
// Gradient descent with momentum, as in PyTorch with dampening 0; decay is coupled:
//
//   g = grad * grad_scale + decay * p;  b = momentum * b + g
//   p -= lr * (nesterov ? g + momentum * b : b)
//
// Lion (Chen et al. 2023, algorithm 2), where sign(0) = 0:
//
//   p *= 1 - lr * decay;  p -= lr * sign(beta1 * m + (1 - beta1) * g);  m = beta2 * m + (1 - beta2)
//   * g
//
// LAMB (You et al. 2020, algorithm 2), in two passes, because the ratio needs the norms of a whole
// weight. The first one updates m and v as AdamW does and sums the squares of p and r:
//
//   r = (m / correction1) / (sqrt(v) / sqrt(correction2) + epsilon) + decay * p;  p -= lr * ratio *
//   r
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

struct LionStep {
  double lr, beta1, beta2, decay;
  double grad_scale;
};

// Sums of squares in float64: 16 virtual lanes of double, one fixed tree.
struct LambSquares {
  double values, update;
};

struct OptimizerKernels {
  void (*adamw)(const AdamWStep& step, int64_t n, float* p, const float* grad, float* m, float* v);
  void (*adam)(const AdamWStep& step, int64_t n, float* p, const float* grad, float* m, float* v);
  void (*lion)(const LionStep& step, int64_t n, float* p, const float* grad, float* m);
  LambSquares (*lamb_moments)(const AdamWStep& step, int64_t n, const float* p, const float* grad,
                              float* m, float* v);
  void (*lamb_apply)(const AdamWStep& step, double ratio, int64_t n, float* p, const float* m,
                     const float* v);
  // momentum_buffer may be nullptr when the momentum is 0.
  void (*sgd)(const SgdStep& step, int64_t n, float* p, const float* grad, float* momentum_buffer);
  // p *= factor: the AdamW update of elements whose gradient has been 0 in every step.
  void (*scale)(int64_t n, float factor, float* p);
  // x is limited to [-limit, limit]; NaN stays.
  void (*clamp)(int64_t n, float limit, float* x);
  // mean += rate * (x - mean).
  void (*blend)(int64_t n, float rate, const float* x, float* mean);
  // Sum of squares in float64: 16 virtual lanes of double, one fixed tree.
  double (*sum_squares)(int64_t n, const float* x);
};

#define SINTER_KERNEL(isa, name) const OptimizerKernels& name();
#include "kernels/optimizer/kernels.inc"
#undef SINTER_KERNEL

KernelRows<OptimizerKernels> optimizer_rows();

}  // namespace sinter
