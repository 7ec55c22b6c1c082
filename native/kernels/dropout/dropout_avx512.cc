// The dropout family at avx512; the arithmetic is in dropout_impl.h.
#include "base/simd/avx512.h"
//
#include "kernels/dropout/dropout_impl.h"

namespace sinter {

const DropoutKernels& dropout_avx512() {
  static constexpr DropoutKernels kKernels = make_dropout_kernels<F32x16>();
  return kKernels;
}

}  // namespace sinter
