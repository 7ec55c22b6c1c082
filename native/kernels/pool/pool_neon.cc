// The pool family at neon; the arithmetic is in pool_impl.h.
#include "base/simd/neon.h"
//
#include "kernels/pool/pool_impl.h"

namespace sinter {

const PoolKernels& pool_neon() {
  static constexpr PoolKernels kKernels = make_pool_kernels<F32x16>();
  return kKernels;
}

}  // namespace sinter
