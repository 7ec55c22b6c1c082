// The dropout family at neon; the arithmetic is in dropout_impl.h.
#include "base/simd/neon.h"
//
#include "kernels/dropout/dropout_impl.h"

namespace sinter {

const DropoutKernels& dropout_neon() {
  static constexpr DropoutKernels kKernels = make_dropout_kernels<F32x16>();
  return kKernels;
}

}  // namespace sinter
