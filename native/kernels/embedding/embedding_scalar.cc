// The embedding family at scalar; the arithmetic is in embedding_impl.h.
#include "base/simd/scalar.h"
//
#include "kernels/embedding/embedding_impl.h"

namespace sinter {

const EmbeddingKernels& embedding_scalar() {
  static constexpr EmbeddingKernels kKernels = make_embedding_kernels<F32x16>();
  return kKernels;
}

}  // namespace sinter
