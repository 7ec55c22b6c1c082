// The attention family at avx512; the arithmetic is in attention_impl.h.
#include "base/simd/avx512.h"
//
#include "kernels/attention/attention_impl.h"

namespace sinter {

const AttentionKernels& attention_avx512() {
  static constexpr AttentionKernels kKernels = make_attention_kernels<F32x16>();
  return kKernels;
}

}  // namespace sinter
