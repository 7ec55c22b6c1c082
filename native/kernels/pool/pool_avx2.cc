// The pool family at avx2; the arithmetic is in pool_impl.h.
#include "base/simd/avx2.h"
//
#include "kernels/pool/pool_impl.h"

namespace sinter {

const PoolKernels& pool_avx2() {
  static constexpr PoolKernels kKernels = make_pool_kernels<F32x16>();
  return kKernels;
}

}  // namespace sinter
