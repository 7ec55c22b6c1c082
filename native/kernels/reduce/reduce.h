// Sums over rows and element-wise sums, for use where no larger kernel includes them. Consistent.
#pragma once

#include <cstdint>

#include "base/kernel_table.h"

namespace sinter {

struct ReduceKernels {
  // out[j] += sum_i x[i * x_row + j], i increasing, j in [0, n): bias gradients.
  void (*add_rows)(int64_t rows, int64_t n, const float* x, int64_t x_row, float* out);
  // y[i] = a[i] + b[i]; y may alias either.
  void (*add)(int64_t n, const float* a, const float* b, float* y);
};

#define SINTER_KERNEL(isa, name) const ReduceKernels& name();
#include "kernels/reduce/kernels.inc"
#undef SINTER_KERNEL

KernelRows<ReduceKernels> reduce_rows();

}  // namespace sinter
