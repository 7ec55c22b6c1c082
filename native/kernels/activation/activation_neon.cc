// The activation family at neon; the arithmetic is in activation_impl.h.
#include "base/simd/neon.h"
//
#include "kernels/activation/activation_impl.h"

namespace sinter {

const ActivationKernels& activation_neon() {
  static constexpr ActivationKernels kKernels = make_activation_kernels<F32x16>();
  return kKernels;
}

}  // namespace sinter
