// The norm family at scalar; the arithmetic is in norm_impl.h.
#include "base/simd/scalar.h"
//
#include "kernels/norm/norm_impl.h"

namespace sinter {

const NormKernels& norm_scalar() {
  static constexpr NormKernels kKernels = make_norm_kernels<F32x16>();
  return kKernels;
}

}  // namespace sinter
