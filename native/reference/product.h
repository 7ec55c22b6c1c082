// The matrix product of the reference evaluator (lib/formats/onnx/import/reference), which proves
// ONNX imports: plain loops that share nothing with the kernels they are compared with.
#pragma once

#include <cstdint>

namespace sinter {

// out[i, j] = sum over k of a[i, k] * (b[k, j] - zero[j]), all row-major. Sums are doubles in
// increasing k, without fused multiply-add: the bits of `multiply` in product.ts. `zero` has
// `zeros` entries: none, one for all columns, or one a column.
template <typename B, typename Out>
void reference_product(const double* a, const B* b, const double* zero, int64_t zeros, int64_t rows,
                       int64_t depth, int64_t columns, Out* out);

}  // namespace sinter
