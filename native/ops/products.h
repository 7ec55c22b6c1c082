// Matrix products split among the lanes of a Run. Every output is computed whole by one lane in one
// fixed order, so the split never changes a bit.
#pragma once

#include "kernels/gemm_f32/gemm_f32.h"
#include "kernels/gemm_s8/gemm_s8.h"
#include "program/run.h"

namespace sinter {

void product_f32(Run& run, const GemmF32Args& args);
// `gemm` is the format that the weights are packed in.
void product_s8(Run& run, const GemmS8Format& gemm, const GemmS8Args& args);

// Packs B[k, n] (strides as in GemmF32Kernels::pack) into the Run's shared scratch.
const float* pack_shared(Run& run, int64_t k, int64_t n, const float* b, int64_t b_row,
                         int64_t b_col);

}  // namespace sinter
