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
//
// The relative kernels add what depends on the distance between two tokens, and windows:
//
//   S[i, j] = scale * (Q[i] K[j] + Q[i] keys[t] + K[j] queries[t]) + bias[t],  t = center + j - i
//
// for |i - j| <= window, else P[i, j] = 0. Their cost is O(length * window). Each term is one fma
// chain times (scale * log2 e), or an fma of bias with log2 e, added in the order Q keys, bias,
// K queries. Rows of P outside the window that lie in a block of 12 (forward) or more queries
// around it are computed as 0, so a value that is not finite may reach a few queries beyond it: the
// same ones on every ISA.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/kernel_table.h"

namespace sinter {

struct AttentionShape {
  int64_t length, head_dim;
  int64_t qk_row;   // floats between consecutive tokens in q and k (and in dq and dk)
  int64_t v_row;    // in v and dv
  int64_t out_row;  // in o and d_o
  float scale;
};

struct AttentionDropout {
  uint64_t key;
  uint64_t index_base;
  uint32_t threshold;  // 0: no dropout
  float keep_scale;    // 1 / probability of keeping
};

// What depends on the distance. The arrays have an element for each t in [0, 2 * center], center >=
// length - 1; panels have ceil((2 * center + 1) / 16) * 16 of them.
struct RelativeTerms {
  int64_t window;  // at least 0; length - 1 or more: every key is seen
  int64_t center;
  const float* bias;          // nullptr: none
  const float* key_panels;    // of `keys`, as `panels` makes them; nullptr: none
  const float* query_panels;  // of `queries`
  const float* key_rows;      // backward only: the same as rows [t][head_dim]
  const float* query_rows;
};

// What the relative kernels' need of scratch depends on.
struct RelativeExtent {
  int64_t length, head_dim, window;
  bool keys, queries;  // the terms are there
};

// Where the gradients of the terms are added; nullptr where the term is missing. d_keys and
// d_queries are [t][head_dim] and still lack the factor `scale`.
struct RelativeGradients {
  float* d_bias;
  float* d_keys;
  float* d_queries;
};

// Rotation of the pairs (x[d], x[d + half]), d < half, of token i by the angle whose cosine and
// sine are cos[i * half + d] and sin[i * half + d]; `backward` rotates back. Other elements are
// copied. y may be x.
struct Rotation {
  int64_t length, head_dim, half;
  const float* cos;
  const float* sin;
  bool backward;
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
  // The same with RelativeTerms.
  size_t (*relative_forward_scratch)(const RelativeExtent& extent);
  size_t (*relative_backward_scratch)(const RelativeExtent& extent);
  void (*relative_forward)(const AttentionShape& shape, const RelativeTerms& terms,
                           const AttentionDropout& dropout, const float* q, const float* k,
                           const float* v, float* o, float* scratch);
  void (*relative_backward)(const AttentionShape& shape, const RelativeTerms& terms,
                            const AttentionDropout& dropout, const float* q, const float* k,
                            const float* v, const float* d_o, float* dq, float* dk, float* dv,
                            const RelativeGradients& gradients, float* scratch);
  // panels[r / 16][d][16] <- x [rows, head_dim]; lanes past the last row repeat it.
  void (*panels)(int64_t rows, int64_t head_dim, const float* x, int64_t x_row, float* panels);
  void (*rotate)(const Rotation& rotation, const float* x, int64_t x_row, float* y, int64_t y_row);
};

#define SINTER_KERNEL(isa, name) const AttentionKernels& name();
#include "kernels/attention/kernels.inc"
#undef SINTER_KERNEL

KernelRows<AttentionKernels> attention_rows();

}  // namespace sinter
