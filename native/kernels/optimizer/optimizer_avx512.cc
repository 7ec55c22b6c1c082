// The optimizer family at avx512; the arithmetic is in optimizer_impl.h.
#include "base/simd/avx512.h"
//
#include "kernels/optimizer/optimizer_impl.h"

namespace sinter {

const OptimizerKernels& optimizer_avx512() {
  static constexpr OptimizerKernels kKernels = make_optimizer_kernels<F32x16>();
  return kKernels;
}

}  // namespace sinter
