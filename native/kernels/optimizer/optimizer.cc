// The table of optimizer kernels.
#include "kernels/optimizer/optimizer.h"

namespace sinter {

KernelRows<OptimizerKernels> optimizer_rows() {
  static constexpr KernelRow<OptimizerKernels> kRows[] = {
#define SINTER_KERNEL(isa, name) {Isa::isa, #name, name},
#include "kernels/optimizer/kernels.inc"
#undef SINTER_KERNEL
  };
  return {kRows, static_cast<int>(sizeof(kRows) / sizeof(kRows[0]))};
}

}  // namespace sinter
