// The softmax family at avx2; the arithmetic is in softmax_impl.h.
#include "base/simd/avx2.h"
//
#include "kernels/softmax/softmax_impl.h"

namespace sinter {

const SoftmaxKernels& softmax_avx2() {
  static constexpr SoftmaxKernels kKernels = make_softmax_kernels<F32x16>();
  return kKernels;
}

}  // namespace sinter
