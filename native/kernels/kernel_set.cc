// Picks every family's best row for the active level.
#include "kernels/kernel_set.h"

namespace sinter {

const KernelSet& active_kernels() {
  static const KernelSet set = [] {
    const Isa isa = active_isa();
    return KernelSet{
        activation_rows().pick(isa), attention_rows().pick(isa), dropout_rows().pick(isa),
        embedding_rows().pick(isa),  gemm_f32_rows().pick(isa),  gemm_s8_rows().pick(isa),
        loss_rows().pick(isa),       norm_rows().pick(isa),      optimizer_rows().pick(isa),
        pool_rows().pick(isa),       quantize_rows().pick(isa),  reduce_rows().pick(isa),
        softmax_rows().pick(isa)};
  }();
  return set;
}

}  // namespace sinter
