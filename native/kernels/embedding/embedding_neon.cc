// The embedding family at neon; the arithmetic is in embedding_impl.h.
#include "base/simd/neon.h"
//
#include "kernels/embedding/embedding_impl.h"

namespace sinter {

const EmbeddingKernels& embedding_neon() {
  static constexpr EmbeddingKernels kKernels = make_embedding_kernels<F32x16>();
  return kKernels;
}

}  // namespace sinter
