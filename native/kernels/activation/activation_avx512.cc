// The activation family at avx512; the arithmetic is in activation_impl.h.
#include "base/simd/avx512.h"
//
#include "kernels/activation/activation_impl.h"

namespace sinter {

const ActivationKernels& activation_avx512() {
  static constexpr ActivationKernels kKernels = make_activation_kernels<F32x16>();
  return kKernels;
}

}  // namespace sinter
