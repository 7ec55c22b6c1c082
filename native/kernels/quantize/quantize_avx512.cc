// The quantize family at avx512; the arithmetic is in quantize_impl.h.
#include "base/simd/avx512.h"
//
#include "kernels/quantize/quantize_impl.h"

namespace sinter {

const QuantizeKernels& quantize_avx512() {
  static constexpr QuantizeKernels kKernels = make_quantize_kernels<F32x16>();
  return kKernels;
}

}  // namespace sinter
