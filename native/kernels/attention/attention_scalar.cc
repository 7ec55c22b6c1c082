// The attention family at scalar; the arithmetic is in attention_impl.h.
#include "base/simd/scalar.h"
//
#include "kernels/attention/attention_impl.h"

namespace sinter {

const AttentionKernels& attention_scalar() {
  static constexpr AttentionKernels kKernels = make_attention_kernels<F32x16>();
  return kKernels;
}

}  // namespace sinter
