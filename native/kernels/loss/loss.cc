// The table of loss kernels.
#include "kernels/loss/loss.h"

namespace sinter {

KernelRows<LossKernels> loss_rows() {
  static constexpr KernelRow<LossKernels> kRows[] = {
#define SINTER_KERNEL(isa, name) {Isa::isa, #name, name},
#include "kernels/loss/kernels.inc"
#undef SINTER_KERNEL
  };
  return {kRows, static_cast<int>(sizeof(kRows) / sizeof(kRows[0]))};
}

}  // namespace sinter
