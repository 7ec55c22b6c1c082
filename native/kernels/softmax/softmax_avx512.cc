// The softmax family at avx512; the arithmetic is in softmax_impl.h.
#include "base/simd/avx512.h"
//
#include "kernels/softmax/softmax_impl.h"

namespace sinter {

const SoftmaxKernels& softmax_avx512() {
  static constexpr SoftmaxKernels kKernels = make_softmax_kernels<F32x16>();
  return kKernels;
}

}  // namespace sinter
