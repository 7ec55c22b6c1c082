// The quantize family at neon; the arithmetic is in quantize_impl.h.
#include "base/simd/neon.h"
//
#include "kernels/quantize/quantize_impl.h"

namespace sinter {

const QuantizeKernels& quantize_neon() {
  static constexpr QuantizeKernels kKernels = make_quantize_kernels<F32x16>();
  return kKernels;
}

}  // namespace sinter
