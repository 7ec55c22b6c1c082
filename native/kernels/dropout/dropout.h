// Dropout without a mask: whether element `index` is dropped depends on (key, index) alone, so
// forward and backward agree and any split among lanes gives the same result.
//
//   y[i] = dropout_hash(key, index_base + i) >= threshold ? x[i] * keep_scale : 0
//
// threshold = round(probability * 2^32) (0: identity), keep_scale = 1 / (1 - probability). y may
// alias x.
#pragma once

#include <cstdint>

#include "base/kernel_table.h"

namespace sinter {

struct DropoutKernels {
  void (*apply)(int64_t n, uint64_t key, uint64_t index_base, uint32_t threshold, float keep_scale,
                const float* x, float* y);
};

#define SINTER_KERNEL(isa, name) const DropoutKernels& name();
#include "kernels/dropout/kernels.inc"
#undef SINTER_KERNEL

KernelRows<DropoutKernels> dropout_rows();

}  // namespace sinter
