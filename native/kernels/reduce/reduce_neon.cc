// The reduce family at neon; the arithmetic is in reduce_impl.h.
#include "base/simd/neon.h"
//
#include "kernels/reduce/reduce_impl.h"

namespace sinter {

const ReduceKernels& reduce_neon() {
  static constexpr ReduceKernels kKernels = make_reduce_kernels<F32x16>();
  return kKernels;
}

}  // namespace sinter
