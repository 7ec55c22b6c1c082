// The norm family at avx2; the arithmetic is in norm_impl.h.
#include "base/simd/avx2.h"
//
#include "kernels/norm/norm_impl.h"

namespace sinter {

const NormKernels& norm_avx2() {
  static constexpr NormKernels kKernels = make_norm_kernels<F32x16>();
  return kKernels;
}

}  // namespace sinter
