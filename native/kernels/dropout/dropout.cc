// The table of dropout kernels.
#include "kernels/dropout/dropout.h"

namespace sinter {

KernelRows<DropoutKernels> dropout_rows() {
  static constexpr KernelRow<DropoutKernels> kRows[] = {
#define SINTER_KERNEL(isa, name) {Isa::isa, #name, name},
#include "kernels/dropout/kernels.inc"
#undef SINTER_KERNEL
  };
  return {kRows, static_cast<int>(sizeof(kRows) / sizeof(kRows[0]))};
}

}  // namespace sinter
