// Layer norm and RMS norm over rows of width n, with an optional residual input added first.
//
//   s = x (+ residual)
//   layer: y = (s - mean(s)) / sqrt(var(s) + epsilon) * weight + bias      (biased variance)
//   rms:   y = s / sqrt(mean(s^2) + epsilon) * weight + bias
//
// A bias of nullptr is as good as one of zeros.
// Consistent: sums run in 4 x 16 virtual lanes with one fixed tree (base/simd/loops.h). y may alias
// x. rows = 0 or n = 1 are allowed.
#pragma once

#include <cstdint>

#include "base/kernel_table.h"

namespace sinter {

// Layer or RMS norm. RMS norm neither reads nor writes `mean`, which may be nullptr there.
struct NormForm {
  // x, residual, y: [rows, n] dense. residual may be nullptr. When not nullptr, `sum` [rows, n]
  // receives s, and `mean` and `rstd` [rows] receive the statistics that backward needs. sum may
  // alias x or residual.
  void (*forward)(int64_t rows, int64_t n, const float* x, const float* residual,
                  const float* weight, const float* bias, float epsilon, float* sum, float* mean,
                  float* rstd, float* y);
  // ds [rows, n] = gradient of s. s, mean and rstd as saved by forward. ds may alias dy.
  void (*backward_input)(int64_t rows, int64_t n, const float* s, const float* mean,
                         const float* rstd, const float* weight, const float* dy, float* ds);
  // dweight[j] += sum_rows dy * (s - mean) * rstd; dbias[j] += sum_rows dy (unless dbias is
  // nullptr), for columns [begin, end). Sums are sequential in rows, so that callers may split the
  // columns among lanes. Arrays have row stride n.
  void (*backward_params)(int64_t rows, int64_t n, int64_t begin, int64_t end, const float* s,
                          const float* mean, const float* rstd, const float* dy, float* dweight,
                          float* dbias);
};

struct NormKernels {
  NormForm layer, rms;
};

#define SINTER_KERNEL(isa, name) const NormKernels& name();
#include "kernels/norm/kernels.inc"
#undef SINTER_KERNEL

KernelRows<NormKernels> norm_rows();

}  // namespace sinter
