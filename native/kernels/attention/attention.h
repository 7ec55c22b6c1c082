// Softmax attention inside one sequence and one head.
//
//   P = softmax(scale * Q K^T);  O = dropout(P) V
//
// Q, K, V and O are [length, head_dim] with rows `*_row` floats apart. head_dim is any positive
// number (multiples of 16 are fast), length >= 1. O may not alias the inputs. Nothing is read
// outside [length, head_dim].
//
// Consistent: a score is one fma chain in increasing head_dim, then times (scale * log2 e); the
// exponential of its distance to the maximum of the row is 2^x (softmax_math.h: 1.95 ulp); the
// softmax sums in 16 virtual lanes, each a chain in increasing key, with one fixed tree; an output
// is one fma chain of exponentials in increasing key, then times 1 / sum.
//
// Dropout of P (training): element (query i, key j) has index index_base + i * length + j of
// dropout_hash(key, index). It is kept when the hash is >= threshold, and is then divided by the
// probability of keeping. A threshold of 0 switches dropout off.
//
// The relative kernels add windows and terms that depend on the distance between two tokens:
//
//   S[i, j] = scale * (Q[i] K[j] + Q[i] keys[t] + K[j] queries[t]) + bias[t],  t = center + j - i
//
// for |i - j| <= window, else P[i, j] = 0. Their cost is O(length * window). Each term is one fma
// chain times (scale * log2 e), or an fma of bias with log2 e, added in the order Q keys, bias, K
// queries. Queries are computed in blocks of 12 (forward) or more that share one range of keys; a
// key of this range that a query does not see has P = 0 and is multiplied by it. A value that is
// not finite may therefore reach a few queries beyond the window: the same ones on every ISA.
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

// Terms that depend on the distance between two tokens. bias and the rows have an element for each
// t in [0, 2 * center], center >= length - 1; panels have ceil((2 * center + 1) / 16) * 16
// elements.
struct RelativeTerms {
  int64_t window;  // at least 0; at length - 1 or more every key is seen
  int64_t center;
  const float* bias;          // nullptr: no bias
  const float* key_panels;    // the term `keys`, packed by `panels`; nullptr: no such term
  const float* query_panels;  // the term `queries`, likewise
  const float* key_rows;      // backward only: the same terms as rows [t][head_dim]
  const float* query_rows;
};

// The properties of a call that the scratch size of the relative kernels depends on.
struct RelativeExtent {
  int64_t length, head_dim, window;
  bool keys, queries;  // whether the terms exist
};

// The arrays that gradients of the terms are added to; nullptr where a term does not exist. d_keys
// and d_queries are [t][head_dim] and still lack the factor `scale`.
struct RelativeGradients {
  float* d_bias;
  float* d_keys;
  float* d_queries;
};

// A rotation of the pairs (x[d], x[d + half]), d < half, of token i by the angle whose cosine and
// sine are cos[i * half + d] and sin[i * half + d]; `backward` rotates by the negative angle. Other
// elements are copied. y may be x.
struct Rotation {
  int64_t length, head_dim, half;
  const float* cos;
  const float* sin;
  bool backward;
};

struct AttentionKernels {
  // Scratch of forward and backward in floats; its memory must be 64-byte aligned.
  size_t (*forward_scratch)(int64_t length, int64_t head_dim);
  size_t (*backward_scratch)(int64_t length, int64_t head_dim);
  void (*forward)(const AttentionShape& shape, const AttentionDropout& dropout, const float* q,
                  const float* k, const float* v, float* o, float* scratch);
  // Recomputes P from q and k. Overwrites dq, dk and dv, all [length, head_dim].
  void (*backward)(const AttentionShape& shape, const AttentionDropout& dropout, const float* q,
                   const float* k, const float* v, const float* d_o, float* dq, float* dk,
                   float* dv, float* scratch);
  // The relative kernels: as above, with RelativeTerms.
  size_t (*relative_forward_scratch)(const RelativeExtent& extent);
  size_t (*relative_backward_scratch)(const RelativeExtent& extent);
  void (*relative_forward)(const AttentionShape& shape, const RelativeTerms& terms,
                           const AttentionDropout& dropout, const float* q, const float* k,
                           const float* v, float* o, float* scratch);
  void (*relative_backward)(const AttentionShape& shape, const RelativeTerms& terms,
                            const AttentionDropout& dropout, const float* q, const float* k,
                            const float* v, const float* d_o, float* dq, float* dk, float* dv,
                            const RelativeGradients& gradients, float* scratch);
  // panels[r / 16][d][16] <- x [rows, head_dim]; lanes beyond the last row repeat it.
  void (*panels)(int64_t rows, int64_t head_dim, const float* x, int64_t x_row, float* panels);
  void (*rotate)(const Rotation& rotation, const float* x, int64_t x_row, float* y, int64_t y_row);
};

#define SINTER_KERNEL(isa, name) const AttentionKernels& name();
#include "kernels/attention/kernels.inc"
#undef SINTER_KERNEL

KernelRows<AttentionKernels> attention_rows();

}  // namespace sinter
