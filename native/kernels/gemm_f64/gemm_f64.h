// f64 matrix product over packed panels, for the sums and solves of compression.
//
//   C[i, j] = C[i, j] + sum_k A[i, k] * B[k, j]    (subtract == false)
//   C[i, j] = C[i, j] - sum_k A[i, k] * B[k, j]    (subtract == true)
//
// Consistent: every output is one chain of fma in increasing k that starts from C, so the bits do
// not depend on the ISA, or on how callers split m, n and k. A is packed in panels of 8 rows
// (packed[panel][k][8]), B in panels of 16 columns (packed[panel][k][16]), both padded with zeros.
// C may not alias A or B.
#pragma once

#include <cstdint>

#include "base/kernel_table.h"

namespace sinter {

inline constexpr int64_t kF64RowPanel = 8, kF64ColumnPanel = 16;

struct GemmF64Args {
  int64_t m, n, k;
  const double* a;
  const double* b;
  double* c;
  int64_t c_row;
  bool subtract;
};

struct GemmF64Kernels {
  void (*run)(const GemmF64Args& args);
  // The dot product of two rows of n numbers: 16 chains of fma, then one fixed tree.
  double (*dot)(int64_t n, const double* x, const double* y);
  // y = y + factor * x.
  void (*add_scaled)(int64_t n, double factor, const double* x, double* y);
  // The plane rotation x' = cosine x - sine y, y' = sine x + cosine y.
  void (*rotate)(int64_t n, double cosine, double sine, double* x, double* y);
};

#define SINTER_KERNEL(isa, name) const GemmF64Kernels& name();
#include "kernels/gemm_f64/kernels.inc"
#undef SINTER_KERNEL

KernelRows<GemmF64Kernels> gemm_f64_rows();

}  // namespace sinter
