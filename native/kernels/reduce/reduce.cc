// The table of reduce kernels.
#include "kernels/reduce/reduce.h"

namespace sinter {

KernelRows<ReduceKernels> reduce_rows() {
  static constexpr KernelRow<ReduceKernels> kRows[] = {
#define SINTER_KERNEL(isa, name) {Isa::isa, #name, name},
#include "kernels/reduce/kernels.inc"
#undef SINTER_KERNEL
  };
  return {kRows, static_cast<int>(sizeof(kRows) / sizeof(kRows[0]))};
}

}  // namespace sinter
