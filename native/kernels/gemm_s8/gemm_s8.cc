// The table of int8 GEMM kernels.
#include "kernels/gemm_s8/gemm_s8.h"

namespace sinter {

KernelRows<GemmS8Kernels> gemm_s8_rows() {
  static constexpr KernelRow<GemmS8Kernels> kRows[] = {
#define SINTER_KERNEL(isa, name) {Isa::isa, #name, name},
#include "kernels/gemm_s8/kernels.inc"
#undef SINTER_KERNEL
  };
  return {kRows, static_cast<int>(sizeof(kRows) / sizeof(kRows[0]))};
}

}  // namespace sinter
