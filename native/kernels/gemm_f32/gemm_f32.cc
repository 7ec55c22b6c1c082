// The table of f32 GEMM kernels.
#include "kernels/gemm_f32/gemm_f32.h"

namespace sinter {

KernelRows<GemmF32Kernels> gemm_f32_rows() {
  static constexpr KernelRow<GemmF32Kernels> kRows[] = {
#define SINTER_KERNEL(isa, name) {Isa::isa, #name, name},
#include "kernels/gemm_f32/kernels.inc"
#undef SINTER_KERNEL
  };
  return {kRows, static_cast<int>(sizeof(kRows) / sizeof(kRows[0]))};
}

}  // namespace sinter
