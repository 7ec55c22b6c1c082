// The softmax family at neon; the arithmetic is in softmax_impl.h.
#include "base/simd/neon.h"
//
#include "kernels/softmax/softmax_impl.h"

namespace sinter {

const SoftmaxKernels& softmax_neon() {
  static constexpr SoftmaxKernels kKernels = make_softmax_kernels<F32x16>();
  return kKernels;
}

}  // namespace sinter
