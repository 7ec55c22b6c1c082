// The reduce family at avx2; the arithmetic is in reduce_impl.h.
#include "base/simd/avx2.h"
//
#include "kernels/reduce/reduce_impl.h"

namespace sinter {

const ReduceKernels& reduce_avx2() {
  static constexpr ReduceKernels kKernels = make_reduce_kernels<F32x16>();
  return kKernels;
}

}  // namespace sinter
