// The loss family at avx2; the arithmetic is in loss_impl.h.
#include "base/simd/avx2.h"
//
#include "kernels/loss/loss_impl.h"

namespace sinter {

const LossKernels& loss_avx2() {
  static constexpr LossKernels kKernels = make_loss_kernels<F32x16>();
  return kKernels;
}

}  // namespace sinter
