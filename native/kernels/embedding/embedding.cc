// The table of embedding kernels.
#include "kernels/embedding/embedding.h"

namespace sinter {

KernelRows<EmbeddingKernels> embedding_rows() {
  static constexpr KernelRow<EmbeddingKernels> kRows[] = {
#define SINTER_KERNEL(isa, name) {Isa::isa, #name, name},
#include "kernels/embedding/kernels.inc"
#undef SINTER_KERNEL
  };
  return {kRows, static_cast<int>(sizeof(kRows) / sizeof(kRows[0]))};
}

}  // namespace sinter
