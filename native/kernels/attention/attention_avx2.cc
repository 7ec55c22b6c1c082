// The attention family at avx2; the arithmetic is in attention_impl.h.
#include "base/simd/avx2.h"
//
#include "kernels/attention/attention_impl.h"

namespace sinter {

const AttentionKernels& attention_avx2() {
  static constexpr AttentionKernels kKernels = make_attention_kernels<F32x16>();
  return kKernels;
}

}  // namespace sinter
