// f32 matrix product over packed weights.
//
//   C[i, j] = act( bias[j] + sum_k A[i, k] * B[k, j] )    (accumulate == false)
//   C[i, j] = C[i, j] + sum_k A[i, k] * B[k, j]           (accumulate == true: no bias, no act)
//
// Consistent: every output is one chain of fma in increasing k, starting from 0 (or from C), then +
// bias, then act. So the bits do not depend on the ISA, on the tile, on m, or on how callers split
// m and n. B is packed in panels of 16 columns: packed[panel][k][16], zero padded to a multiple of
// 16 columns. A is read through two strides, so that a transposed A needs no copy. m, n or k may be
// 0 (k = 0 gives act(bias)). C may not alias A, B or bias. No alignment is needed, but `packed`
// should be 64-byte aligned for speed.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/kernel_table.h"
#include "kernels/activation/activation_kind.h"

namespace sinter {

inline constexpr int64_t kGemmPanel = 16;  // columns of a packed panel

struct GemmF32Args {
  int64_t m, n, k;
  const float* a;
  int64_t a_row, a_col;  // element strides of A: A[i, k] = a[i * a_row + k * a_col]
  const float* b;        // packed panels; the first holds column 0 of this call
  float* c;
  int64_t c_row;
  const float* bias;  // [n] or nullptr
  Activation activation;
  bool accumulate;
};

struct GemmF32Kernels {
  // Packs B[k, j] = b[k * b_row + j * b_col] into panels, ceil(n/16) * k * 16 floats. The weight
  // W[n, k] of a linear layer has b_row = 1, b_col = k.
  void (*pack)(int64_t k, int64_t n, const float* b, int64_t b_row, int64_t b_col, float* packed);
  // Copies the panels back to B: the inverse of pack.
  void (*unpack)(int64_t k, int64_t n, const float* packed, int64_t b_row, int64_t b_col, float* b);
  void (*run)(const GemmF32Args& args);
};

constexpr int64_t gemm_f32_packed_floats(int64_t k, int64_t n) {
  return (n + kGemmPanel - 1) / kGemmPanel * kGemmPanel * k;
}

#define SINTER_KERNEL(isa, name) const GemmF32Kernels& name();
#include "kernels/gemm_f32/kernels.inc"
#undef SINTER_KERNEL

KernelRows<GemmF32Kernels> gemm_f32_rows();

}  // namespace sinter
