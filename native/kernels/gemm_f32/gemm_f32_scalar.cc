// The reference f32 GEMM, which the other ISAs are tested against: one fma chain per output, then +
// bias, then the activation.
#include "base/simd/scalar.h"
//
#include "kernels/activation/activation_math.h"
#include "kernels/gemm_f32/gemm_f32.h"

namespace sinter {
namespace {

void pack(int64_t k, int64_t n, const float* b, int64_t b_row, int64_t b_col, float* packed) {
  for (int64_t panel = 0; panel < n; panel += kGemmPanel) {
    for (int64_t p = 0; p < k; ++p) {
      for (int64_t j = panel; j < panel + kGemmPanel; ++j) {
        *packed++ = j < n ? b[p * b_row + j * b_col] : 0.0f;
      }
    }
  }
}

void unpack(int64_t k, int64_t n, const float* packed, int64_t b_row, int64_t b_col, float* b) {
  for (int64_t j = 0; j < n; ++j) {
    const float* panel = packed + j / kGemmPanel * k * kGemmPanel + j % kGemmPanel;
    for (int64_t p = 0; p < k; ++p) b[p * b_row + j * b_col] = panel[p * kGemmPanel];
  }
}

void run(const GemmF32Args& args) {
  for (int64_t i = 0; i < args.m; ++i) {
    for (int64_t panel = 0; panel < args.n; panel += kGemmPanel) {
      const int64_t columns = args.n - panel < kGemmPanel ? args.n - panel : kGemmPanel;
      float* const c = args.c + i * args.c_row + panel;
      float sum[kGemmPanel] = {};
      for (int64_t j = 0; args.accumulate && j < columns; ++j) sum[j] = c[j];
      const float* b = args.b + panel * args.k;
      for (int64_t p = 0; p < args.k; ++p, b += kGemmPanel) {
        const float a = args.a[i * args.a_row + p * args.a_col];
        for (int64_t j = 0; j < columns; ++j) sum[j] = __builtin_fmaf(a, b[j], sum[j]);
      }
      if (!args.accumulate) {
        for (int64_t j = 0; args.bias != nullptr && j < columns; ++j)
          sum[j] += args.bias[panel + j];
        activate<F32x16>(args.activation, F32x16::load(sum)).store(sum);
      }
      for (int64_t j = 0; j < columns; ++j) c[j] = sum[j];
    }
  }
}

}  // namespace

const GemmF32Kernels& gemm_f32_scalar() {
  static constexpr GemmF32Kernels kKernels = {pack, unpack, run};
  return kKernels;
}

}  // namespace sinter
