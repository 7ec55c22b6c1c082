// The optimizer family at avx2; the arithmetic is in optimizer_impl.h.
#include "base/simd/avx2.h"
//
#include "kernels/optimizer/optimizer_impl.h"

namespace sinter {

const OptimizerKernels& optimizer_avx2() {
  static constexpr OptimizerKernels kKernels = make_optimizer_kernels<F32x16>();
  return kKernels;
}

}  // namespace sinter
