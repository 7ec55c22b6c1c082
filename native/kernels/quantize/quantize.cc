// The table of quantize kernels.
#include "kernels/quantize/quantize.h"

namespace sinter {

KernelRows<QuantizeKernels> quantize_rows() {
  static constexpr KernelRow<QuantizeKernels> kRows[] = {
#define SINTER_KERNEL(isa, name) {Isa::isa, #name, name},
#include "kernels/quantize/kernels.inc"
#undef SINTER_KERNEL
  };
  return {kRows, static_cast<int>(sizeof(kRows) / sizeof(kRows[0]))};
}

}  // namespace sinter
