// The reduce family at scalar; the arithmetic is in reduce_impl.h.
#include "base/simd/scalar.h"
//
#include "kernels/reduce/reduce_impl.h"

namespace sinter {

const ReduceKernels& reduce_scalar() {
  static constexpr ReduceKernels kKernels = make_reduce_kernels<F32x16>();
  return kKernels;
}

}  // namespace sinter
