// Softmax of rows and its cross entropy.
// Consistent: max and sum in 4 x 16 virtual lanes with one fixed tree. n >= 1; rows = 0 is allowed.
// y may alias x.
#pragma once

#include <cstdint>

#include "base/kernel_table.h"

namespace sinter {

struct SoftmaxKernels {
  void (*forward)(int64_t rows, int64_t n, const float* x, float* y);
  // loss[i] = -log softmax(x[i])[label[i]] (0 when label[i] < 0, the ignored label);
  // dx[i] = weight * (softmax(x[i]) - onehot(label[i])), all 0 when ignored. dx may alias x, or be
  // nullptr.
  void (*cross_entropy)(int64_t rows, int64_t n, const float* x, const int32_t* label, float weight,
                        float* loss, float* dx);
};

#define SINTER_KERNEL(isa, name) const SoftmaxKernels& name();
#include "kernels/softmax/kernels.inc"
#undef SINTER_KERNEL

KernelRows<SoftmaxKernels> softmax_rows();

}  // namespace sinter
