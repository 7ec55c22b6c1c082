// The table of f64 GEMM kernels.
#include "kernels/gemm_f64/gemm_f64.h"

namespace sinter {

KernelRows<GemmF64Kernels> gemm_f64_rows() {
  static constexpr KernelRow<GemmF64Kernels> kRows[] = {
#define SINTER_KERNEL(isa, name) {Isa::isa, #name, name},
#include "kernels/gemm_f64/kernels.inc"
#undef SINTER_KERNEL
  };
  return {kRows, static_cast<int>(sizeof(kRows) / sizeof(kRows[0]))};
}

}  // namespace sinter
