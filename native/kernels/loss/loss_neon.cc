// The loss family at neon; the arithmetic is in loss_impl.h.
#include "base/simd/neon.h"
//
#include "kernels/loss/loss_impl.h"

namespace sinter {

const LossKernels& loss_neon() {
  static constexpr LossKernels kKernels = make_loss_kernels<F32x16>();
  return kKernels;
}

}  // namespace sinter
