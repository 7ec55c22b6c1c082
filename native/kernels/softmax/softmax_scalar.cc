// The softmax family at scalar; the arithmetic is in softmax_impl.h.
#include "base/simd/scalar.h"
//
#include "kernels/softmax/softmax_impl.h"

namespace sinter {

const SoftmaxKernels& softmax_scalar() {
  static constexpr SoftmaxKernels kKernels = make_softmax_kernels<F32x16>();
  return kKernels;
}

}  // namespace sinter
