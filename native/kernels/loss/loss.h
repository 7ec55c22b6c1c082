// Losses of independent elements: binary cross entropy with logits (several labels at once) and the
// squared error (regression). Rows x, target, dx [rows, n] are dense; loss [rows] receives the sum
// over a row, unweighted; the caller divides. dx may alias x. rows = 0 or n = 0 are allowed.
// Consistent: sums run in 4 x 16 virtual lanes with one fixed tree.
#pragma once

#include <cstdint>

#include "base/kernel_table.h"

namespace sinter {

struct LossKernels {
  // loss = sum of max(x, 0) - x target + log(1 + e^-|x|); dx = weight * (sigmoid(x) - target).
  void (*binary_cross_entropy)(int64_t rows, int64_t n, const float* x, const float* target,
                               float weight, float* loss, float* dx);
  // loss = sum of (x - target)^2; dx = weight * 2 (x - target).
  void (*squared_error)(int64_t rows, int64_t n, const float* x, const float* target, float weight,
                        float* loss, float* dx);
};

#define SINTER_KERNEL(isa, name) const LossKernels& name();
#include "kernels/loss/kernels.inc"
#undef SINTER_KERNEL

KernelRows<LossKernels> loss_rows();

}  // namespace sinter
