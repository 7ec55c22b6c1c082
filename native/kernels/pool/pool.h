// Pooling, which makes one row per sequence from its tokens, and L2 normalisation of rows.
// Consistent: means add tokens (times their weights) in increasing order and then multiply by
// 1/length, 1/sqrt(length) or 1/(sum of the weights); the sum of a norm runs in 4 x 16 virtual
// lanes with one fixed tree. max gives NaN when a token is NaN. Sequences have at least one token.
#pragma once

#include <cstdint>

#include "base/kernel_table.h"

namespace sinter {

enum class Pooling : int {
  mean = 0,
  cls = 1,
  max = 2,
  mean_sqrt_len_tokens = 3,  // sum / sqrt(length)
  weightedmean = 4,          // weighted by position + 1
  lasttoken = 5
};

struct PoolKernels {
  // x: [tokens, width]; y: [sequences, width]; offsets: [sequences + 1]. offsets[0] may be > 0:
  // token t of the batch is row t - offsets[0] of x. The first `skipped` tokens of every sequence
  // are left out (fewer than it has); weights still count from the first token.
  void (*forward)(Pooling kind, int64_t sequences, int64_t width, const int32_t* offsets,
                  int64_t skipped, const float* x, float* y);
  // Overwrites dx of all tokens. For max, the first token that holds the maximum gets the gradient.
  void (*backward)(Pooling kind, int64_t sequences, int64_t width, const int32_t* offsets,
                   const float* x, const float* dy, float* dx);
  // y = x / max(|x|_2, 1e-12) per row; y may alias x.
  void (*normalize_forward)(int64_t rows, int64_t width, const float* x, float* y);
  // dx = (dy - y * <y, dy>) / |x|; x is the input of forward; dx may alias dy.
  void (*normalize_backward)(int64_t rows, int64_t width, const float* x, const float* dy,
                             float* dx);
};

#define SINTER_KERNEL(isa, name) const PoolKernels& name();
#include "kernels/pool/kernels.inc"
#undef SINTER_KERNEL

KernelRows<PoolKernels> pool_rows();

}  // namespace sinter
