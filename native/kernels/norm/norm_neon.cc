// The norm family at neon; the arithmetic is in norm_impl.h.
#include "base/simd/neon.h"
//
#include "kernels/norm/norm_impl.h"

namespace sinter {

const NormKernels& norm_neon() {
  static constexpr NormKernels kKernels = make_norm_kernels<F32x16>();
  return kKernels;
}

}  // namespace sinter
