// The table of softmax kernels.
#include "kernels/softmax/softmax.h"

namespace sinter {

KernelRows<SoftmaxKernels> softmax_rows() {
  static constexpr KernelRow<SoftmaxKernels> kRows[] = {
#define SINTER_KERNEL(isa, name) {Isa::isa, #name, name},
#include "kernels/softmax/kernels.inc"
#undef SINTER_KERNEL
  };
  return {kRows, static_cast<int>(sizeof(kRows) / sizeof(kRows[0]))};
}

}  // namespace sinter
