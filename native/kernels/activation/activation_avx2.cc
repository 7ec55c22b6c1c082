// The activation family at avx2; the arithmetic is in activation_impl.h.
#include "base/simd/avx2.h"
//
#include "kernels/activation/activation_impl.h"

namespace sinter {

const ActivationKernels& activation_avx2() {
  static constexpr ActivationKernels kKernels = make_activation_kernels<F32x16>();
  return kKernels;
}

}  // namespace sinter
