// The table of attention kernels.
#include "kernels/attention/attention.h"

namespace sinter {

KernelRows<AttentionKernels> attention_rows() {
  static constexpr KernelRow<AttentionKernels> kRows[] = {
#define SINTER_KERNEL(isa, name) {Isa::isa, #name, name},
#include "kernels/attention/kernels.inc"
#undef SINTER_KERNEL
  };
  return {kRows, static_cast<int>(sizeof(kRows) / sizeof(kRows[0]))};
}

}  // namespace sinter
