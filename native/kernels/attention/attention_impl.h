// Attention of one sequence and one head on any F32x16, without relative terms. Keys are transposed
// once into panels of 16. Then each tile of query rows goes through scores, softmax and values
// while its scores stay in L1. Forward keeps no matrix of length x length.
#pragma once

#include "kernels/attention/attention_relative.h"
#include "kernels/attention/attention_relative_backward.h"
#include "kernels/attention/attention_rotate.h"

namespace sinter {
namespace {

template <class V>
size_t forward_scratch(int64_t length, int64_t head_dim) {
  return static_cast<size_t>(round_up_16(length) * 2 * head_dim +
                             score_row(length) * AttentionTile<V>::kRows);
}

template <class V>
void attention_forward(const AttentionShape& shape, const AttentionDropout& dropout, const float* q,
                       const float* k, const float* v, float* o, float* scratch) {
  const int64_t length = shape.length, head_dim = shape.head_dim, row = shape.qk_row;
  const int64_t padded = round_up_16(length), score = score_row(length);
  float* panels = scratch;
  float* scores = scratch + 2 * padded * head_dim;
  transpose_panels<V>(length, head_dim, k, row, panels);
  const Rows values = dense_rows<V>(length, head_dim, v, shape.v_row, scratch + padded * head_dim);
  DropoutStream stream(dropout.key, dropout.threshold);
  float factor[kShares];
  const int64_t step = rows_of_tiles<V>(length);
  for (int64_t i = 0; i < length; i += step) {
    const int64_t rows = length - i < step ? length - i : step;
    for (int64_t r = 0; r < rows; ++r) factor[r] = shape.scale * kLog2E;
    tile_rows<V>({head_dim, q + i * row, row, 1, panels, 16, 16 * head_dim, scores, score, factor},
                 rows, padded);
    exp_rows<V>(rows, length, score, scores, factor);
    for (int64_t r = 0; r < rows && dropout.threshold != 0; ++r) {
      drop_row<V>(dropout, &stream, (i + r) * length, length, scores + r * score);
    }
    tile_rows<V>({length, scores, score, 1, values.data, values.row, 16, o + i * shape.out_row,
                  shape.out_row, factor},
                 rows, head_dim);
  }
}

// The matrices in the scratch of backward.
struct BackwardScratch {
  float* k_panels;  // [padded / 16][head_dim][16]
  float* v_panels;
  float* p;               // [length, score]: P, then dropout(P)
  float* ds;              // [length, score]: gradient of the scores
  float* dense;           // [3][length, head_dim]: dense rows of k, q and d_o
  int64_t padded, score;  // score: floats per row of p and ds
};

template <class V>
size_t backward_scratch(int64_t length, int64_t head_dim) {
  return static_cast<size_t>(round_up_16(length) * 5 * head_dim + score_row(length) * 2 * length);
}

// Fills p and ds of every query, and dq.
template <class V>
void backward_queries(const AttentionShape& shape, const AttentionDropout& dropout, const float* q,
                      const float* k, const float* d_o, const BackwardScratch& s, float* dq) {
  constexpr int kRows = AttentionTile<V>::kRows;
  const int64_t length = shape.length, head_dim = shape.head_dim, row = shape.qk_row;
  const Rows keys = dense_rows<V>(length, head_dim, k, row, s.dense);
  DropoutStream stream(dropout.key, dropout.threshold);
  float scale[kRows], one[kRows], log2[kRows], share[kShares];
  for (int r = 0; r < kRows; ++r) {
    scale[r] = shape.scale;
    log2[r] = shape.scale * kLog2E;
    one[r] = 1.0f;
  }
  const int64_t step = rows_of_tiles<V>(length);
  for (int64_t i = 0; i < length; i += step) {
    const int64_t rows = length - i < step ? length - i : step;
    float* p = s.p + i * s.score;
    float* ds = s.ds + i * s.score;
    tile_rows<V>({head_dim, q + i * row, row, 1, s.k_panels, 16, 16 * head_dim, p, s.score, log2},
                 rows, s.padded);
    tile_rows<V>({head_dim, d_o + i * shape.out_row, shape.out_row, 1, s.v_panels, 16,
                  16 * head_dim, ds, s.score, one},
                 rows, s.padded);
    exp_rows<V>(rows, length, s.score, p, share);
    for (int64_t r = 0; r < rows; ++r) {
      softmax_backward_row<V>(dropout, &stream, (i + r) * length, length, share[r], p + r * s.score,
                              ds + r * s.score);
    }
    tile_rows<V>({length, ds, s.score, 1, keys.data, keys.row, 16, dq + i * row, row, scale}, rows,
                 head_dim);
  }
}

// dk = scale * ds^T q and dv = dropout(P)^T d_o; each sum is a chain over the queries.
template <class V>
void backward_keys(const AttentionShape& shape, const float* q, const float* d_o,
                   const BackwardScratch& s, float* dk, float* dv) {
  constexpr int kRows = AttentionTile<V>::kRows;
  const int64_t length = shape.length, head_dim = shape.head_dim, row = shape.qk_row;
  const int64_t size = s.padded * head_dim;
  const Rows queries = dense_rows<V>(length, head_dim, q, row, s.dense + size);
  const Rows gradients = dense_rows<V>(length, head_dim, d_o, shape.out_row, s.dense + 2 * size);
  float scale[kRows], one[kRows];
  for (int r = 0; r < kRows; ++r) {
    scale[r] = shape.scale;
    one[r] = 1.0f;
  }
  const int64_t step = rows_of_tiles<V>(length);
  for (int64_t j = 0; j < length; j += step) {
    const int64_t rows = length - j < step ? length - j : step;
    tile_rows<V>(
        {length, s.ds + j, 1, s.score, queries.data, queries.row, 16, dk + j * row, row, scale},
        rows, head_dim);
    tile_rows<V>({length, s.p + j, 1, s.score, gradients.data, gradients.row, 16,
                  dv + j * shape.v_row, shape.v_row, one},
                 rows, head_dim);
  }
}

template <class V>
void attention_backward(const AttentionShape& shape, const AttentionDropout& dropout,
                        const float* q, const float* k, const float* v, const float* d_o, float* dq,
                        float* dk, float* dv, float* scratch) {
  const int64_t length = shape.length, head_dim = shape.head_dim, padded = round_up_16(length);
  BackwardScratch s;
  s.padded = padded;
  s.score = score_row(length);
  s.k_panels = scratch;
  s.v_panels = s.k_panels + padded * head_dim;
  s.p = s.v_panels + padded * head_dim;
  s.ds = s.p + s.score * length;
  s.dense = s.ds + s.score * length;
  transpose_panels<V>(length, head_dim, k, shape.qk_row, s.k_panels);
  transpose_panels<V>(length, head_dim, v, shape.v_row, s.v_panels);
  backward_queries<V>(shape, dropout, q, k, d_o, s, dq);
  backward_keys<V>(shape, q, d_o, s, dk, dv);
}

template <class V>
constexpr AttentionKernels make_attention_kernels() {
  return {forward_scratch<V>,    backward_scratch<V>,         attention_forward<V>,
          attention_backward<V>, relative_forward_scratch<V>, relative_backward_scratch<V>,
          relative_forward<V>,   relative_backward<V>,        transpose_panels<V>,
          rotate_rows<V>};
}

}  // namespace
}  // namespace sinter
