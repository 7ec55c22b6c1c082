// The matrix product of the reference evaluator (lib/formats/onnx/import/reference), which proves
// ONNX imports: plain loops that share no code with the kernels that they are compared with.
#pragma once

#include <cstdint>

namespace sinter {

// out[i, j] = sum over k of a[i, k] * (b[k, j] - zero[j]); all matrices are row-major. Sums are
// doubles in increasing k without fused multiply-add, so they have the same bits as `multiply` in
// product.ts. `zero` has `zeros` entries: 0 (no zero point), 1 (shared by all columns), or one per
// column.
template <typename B, typename Out>
void reference_product(const double* a, const B* b, const double* zero, int64_t zeros, int64_t rows,
                       int64_t depth, int64_t columns, Out* out);

}  // namespace sinter
