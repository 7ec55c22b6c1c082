// The loss family at avx512; the arithmetic is in loss_impl.h.
#include "base/simd/avx512.h"
//
#include "kernels/loss/loss_impl.h"

namespace sinter {

const LossKernels& loss_avx512() {
  static constexpr LossKernels kKernels = make_loss_kernels<F32x16>();
  return kKernels;
}

}  // namespace sinter
