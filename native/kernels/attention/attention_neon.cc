// The attention family at neon; the arithmetic is in attention_impl.h.
#include "base/simd/neon.h"
//
#include "kernels/attention/attention_impl.h"

namespace sinter {

const AttentionKernels& attention_neon() {
  static constexpr AttentionKernels kKernels = make_attention_kernels<F32x16>();
  return kKernels;
}

}  // namespace sinter
