// The optimizer family at neon; the arithmetic is in optimizer_impl.h.
#include "base/simd/neon.h"
//
#include "kernels/optimizer/optimizer_impl.h"

namespace sinter {

const OptimizerKernels& optimizer_neon() {
  static constexpr OptimizerKernels kKernels = make_optimizer_kernels<F32x16>();
  return kKernels;
}

}  // namespace sinter
