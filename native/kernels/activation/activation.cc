// The table of activation kernels.
#include "kernels/activation/activation.h"

namespace sinter {

KernelRows<ActivationKernels> activation_rows() {
  static constexpr KernelRow<ActivationKernels> kRows[] = {
#define SINTER_KERNEL(isa, name) {Isa::isa, #name, name},
#include "kernels/activation/kernels.inc"
#undef SINTER_KERNEL
  };
  return {kRows, static_cast<int>(sizeof(kRows) / sizeof(kRows[0]))};
}

}  // namespace sinter
