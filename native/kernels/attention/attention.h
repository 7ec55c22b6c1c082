// Softmax attention inside one sequence and one head.
//
//   P = softmax(scale * Q K^T);  O = dropout(P) V       Q, K, V, O: [length, head_dim], rows
//   `*_row` floats apart
//
// Consistent: a score is one fma chain in increasing head_dim, then times (scale * log2 e); the
// exponential of its distance to the row's maximum is 2^x (softmax_math.h: 1.95 ulp); the softmax
// sums in 16 virtual lanes, each a chain in increasing key, with one fixed tree; an output is one
// fma chain of exponentials in increasing key, then times 1 / sum. head_dim is any positive number
// (multiples of 16 are fast), length >= 1. O may not alias the inputs. Nothing is read outside
// [length, head_dim]. Dropout of P (training): element (query i, key j) has index index_base + i *
// length + j of dropout_hash(key, index); kept when the hash is >= threshold, then divided by the
// probability of keeping; threshold 0 switches it off.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/kernel_table.h"

namespace sinter {

struct AttentionShape {
  int64_t length, head_dim;
  int64_t qkv_row;  // floats between consecutive tokens in q, k, v (and in dq, dk, dv)
  int64_t out_row;  // floats between consecutive tokens in o (and in d_o)
  float scale;
};

struct AttentionDropout {
  uint64_t key;
  uint64_t index_base;
  uint32_t threshold;  // 0: no dropout
  float keep_scale;    // 1 / probability of keeping
};

struct AttentionKernels {
  // Floats of scratch that forward / backward need (64-byte aligned).
  size_t (*forward_scratch)(int64_t length, int64_t head_dim);
  size_t (*backward_scratch)(int64_t length, int64_t head_dim);
  void (*forward)(const AttentionShape& shape, const AttentionDropout& dropout, const float* q,
                  const float* k, const float* v, float* o, float* scratch);
  // Recomputes P from q and k; writes dq, dk, dv (all of [length, head_dim], overwritten).
  void (*backward)(const AttentionShape& shape, const AttentionDropout& dropout, const float* q,
                   const float* k, const float* v, const float* d_o, float* dq, float* dk,
                   float* dv, float* scratch);
};

#define SINTER_KERNEL(isa, name) const AttentionKernels& name();
#include "kernels/attention/kernels.inc"
#undef SINTER_KERNEL

KernelRows<AttentionKernels> attention_rows();

}  // namespace sinter
