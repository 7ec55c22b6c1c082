// The table of norm kernels.
#include "kernels/norm/norm.h"

namespace sinter {

KernelRows<NormKernels> norm_rows() {
  static constexpr KernelRow<NormKernels> kRows[] = {
#define SINTER_KERNEL(isa, name) {Isa::isa, #name, name},
#include "kernels/norm/kernels.inc"
#undef SINTER_KERNEL
  };
  return {kRows, static_cast<int>(sizeof(kRows) / sizeof(kRows[0]))};
}

}  // namespace sinter
