// The table of pool kernels.
#include "kernels/pool/pool.h"

namespace sinter {

KernelRows<PoolKernels> pool_rows() {
  static constexpr KernelRow<PoolKernels> kRows[] = {
#define SINTER_KERNEL(isa, name) {Isa::isa, #name, name},
#include "kernels/pool/kernels.inc"
#undef SINTER_KERNEL
  };
  return {kRows, static_cast<int>(sizeof(kRows) / sizeof(kRows[0]))};
}

}  // namespace sinter
