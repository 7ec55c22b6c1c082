// The embedding family at avx512; the arithmetic is in embedding_impl.h.
#include "base/simd/avx512.h"
//
#include "kernels/embedding/embedding_impl.h"

namespace sinter {

const EmbeddingKernels& embedding_avx512() {
  static constexpr EmbeddingKernels kKernels = make_embedding_kernels<F32x16>();
  return kKernels;
}

}  // namespace sinter
