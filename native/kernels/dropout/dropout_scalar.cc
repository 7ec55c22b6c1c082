// The dropout family at scalar; the arithmetic is in dropout_impl.h.
#include "base/simd/scalar.h"
//
#include "kernels/dropout/dropout_impl.h"

namespace sinter {

const DropoutKernels& dropout_scalar() {
  static constexpr DropoutKernels kKernels = make_dropout_kernels<F32x16>();
  return kKernels;
}

}  // namespace sinter
