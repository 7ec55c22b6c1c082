// The pool family at scalar; the arithmetic is in pool_impl.h.
#include "base/simd/scalar.h"
//
#include "kernels/pool/pool_impl.h"

namespace sinter {

const PoolKernels& pool_scalar() {
  static constexpr PoolKernels kKernels = make_pool_kernels<F32x16>();
  return kKernels;
}

}  // namespace sinter
