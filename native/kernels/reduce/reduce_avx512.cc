// The reduce family at avx512; the arithmetic is in reduce_impl.h.
#include "base/simd/avx512.h"
//
#include "kernels/reduce/reduce_impl.h"

namespace sinter {

const ReduceKernels& reduce_avx512() {
  static constexpr ReduceKernels kKernels = make_reduce_kernels<F32x16>();
  return kKernels;
}

}  // namespace sinter
