// Attention of one sequence and one head on any F32x16. Keys are transposed once to panels of 16,
// then a tile of query rows goes through scores, softmax and values while its scores stay in L1;
// nothing of length x length is kept forward.
#pragma once

#include "kernels/attention/attention.h"
#include "kernels/attention/attention_tile.h"
#include "kernels/dropout/dropout_math.h"
#include "kernels/softmax/softmax_math.h"

namespace sinter {
namespace {

constexpr float kLog2E = 1.44269504f;
constexpr int64_t kShares = 16;  // one for each row of a tile, in a whole vector

SINTER_SIMD int64_t round_up_16(int64_t n) { return (n + 15) / 16 * 16; }

// Floats between rows of scores: an odd number of cache lines, so that the rows of a tile lie in
// different sets of the cache. At 512 keys, rows a power of two apart cost half of the speed.
SINTER_SIMD int64_t score_row(int64_t length) { return round_up_16(length) | 16; }

// p[j] <- keep ? p[j] * keep_scale : 0 for the keys of query i.
template <class V>
SINTER_SIMD void drop_row(const AttentionDropout& dropout, DropoutStream* stream, int64_t i,
                          int64_t length, float* p) {
  const V scale = V::set(dropout.keep_scale);
  const uint64_t base = dropout.index_base + static_cast<uint64_t>(i * length);
  for_lanes<V>(length, [&](int64_t j, auto at) {
    const Mask16 keep = stream->keep(base + static_cast<uint64_t>(j));
    at.store(select(keep, at.load(p + j) * scale, V::zero()), p + j);
  });
}

// p <- 2^(p - max p) of each row, share <- 1 / its sum; columns from `length` on repeat the last
// score up to a whole vector. Four rows at a time hide each other's latency; a group with fewer
// does its last row again, which changes nothing, because all four are read before one is written.
template <class V>
SINTER_SIMD void exp_rows(int64_t rows, int64_t length, float* p, float* share) {
  const int64_t padded = round_up_16(length), row_floats = score_row(length);
  constexpr float kLowest = -__builtin_inff();
  constexpr int kStep = kTogether<V>;
  for (int64_t r = 0; r < rows; r += 4) {
    float* row[4];
    V largest[4], sum[4];
#pragma GCC unroll 4
    for (int q = 0; q < 4; ++q) {
      row[q] = p + (r + q < rows ? r + q : rows - 1) * row_floats;
      largest[q] = V::set(kLowest);
      sum[q] = V::zero();
    }
    for (int64_t j = 0; j < padded; j += 16) {
#pragma GCC unroll 4
      for (int q = 0; q < 4; ++q) largest[q] = max(V::load(row[q] + j), largest[q]);
    }
    spread_max_4(largest);
    for_lanes<V>(length, [&](int64_t j, auto at) {
      V e[4];
#pragma GCC unroll 4
      for (int q = 0; q < 4; ++q) e[q] = at.load(row[q] + j, kLowest) - largest[q];
#pragma GCC unroll 4
      for (int q = 0; q < 4; q += kStep) {
        V part[kStep];
#pragma GCC unroll 4
        for (int i = 0; i < kStep; ++i) part[i] = e[q + i];
        exp2_nonpositive(part);
#pragma GCC unroll 4
        for (int i = 0; i < kStep; ++i) {
          at.store(part[i], row[q + i] + j);
          sum[q + i] = sum[q + i] + part[i];
        }
      }
    });
    reduce_add_4(sum, share + r);
  }
  static_assert(AttentionTile<V>::kRows <= kShares);
  for (int64_t r = rows; r < kShares; ++r) share[r] = 1.0f;
  (V::set(1.0f) / V::load(share)).store(share);
}

template <class V>
size_t forward_scratch(int64_t length, int64_t head_dim) {
  return static_cast<size_t>(round_up_16(length) * 2 * head_dim +
                             score_row(length) * AttentionTile<V>::kRows);
}

template <class V>
void attention_forward(const AttentionShape& shape, const AttentionDropout& dropout, const float* q,
                       const float* k, const float* v, float* o, float* scratch) {
  const int64_t length = shape.length, head_dim = shape.head_dim, row = shape.qkv_row;
  const int64_t padded = round_up_16(length), score = score_row(length);
  float* panels = scratch;
  float* scores = scratch + 2 * padded * head_dim;
  transpose_panels<V>(length, head_dim, k, row, panels);
  const Rows values = dense_rows<V>(length, head_dim, v, row, scratch + padded * head_dim);
  DropoutStream stream(dropout.key, dropout.threshold);
  float factor[kShares];
  const int64_t step = rows_of_tiles<V>(length);
  for (int64_t i = 0; i < length; i += step) {
    const int64_t rows = length - i < step ? length - i : step;
    for (int64_t r = 0; r < rows; ++r) factor[r] = shape.scale * kLog2E;
    tile_rows<V>({head_dim, q + i * row, row, 1, panels, 16, 16 * head_dim, scores, score, factor},
                 rows, padded);
    exp_rows<V>(rows, length, scores, factor);
    for (int64_t r = 0; r < rows && dropout.threshold != 0; ++r) {
      drop_row<V>(dropout, &stream, i + r, length, scores + r * score);
    }
    tile_rows<V>({length, scores, score, 1, values.data, values.row, 16, o + i * shape.out_row,
                  shape.out_row, factor},
                 rows, head_dim);
  }
}

// Where backward keeps its matrices.
struct BackwardScratch {
  float* k_panels;  // [padded / 16][head_dim][16]
  float* v_panels;
  float* p;               // [length, score], P, then dropout(P)
  float* ds;              // [length, score], gradient of the scores
  float* dense;           // [3][length, head_dim], dense rows of k, q and d_o
  int64_t padded, score;  // score: floats of a row of p and ds
};

template <class V>
size_t backward_scratch(int64_t length, int64_t head_dim) {
  return static_cast<size_t>(round_up_16(length) * 5 * head_dim + score_row(length) * 2 * length);
}

// From p = P / share and the gradient ds of dropout(P) of query i: ds <- P * (dP - sum(dP * P)), p
// <- dropout(P).
template <class V>
SINTER_SIMD void softmax_backward_row(const AttentionDropout& dropout, DropoutStream* stream,
                                      int64_t i, int64_t length, float share, float* p, float* ds) {
  const V factor = V::set(share);
  for_lanes<V>(length, [&](int64_t j, auto at) { at.store(at.load(p + j) * factor, p + j); });
  if (dropout.threshold != 0) drop_row<V>(dropout, stream, i, length, ds);
  const V along = V::set(sum_lanes<V>(length, [&](V sum, int64_t j, auto at) {
    return fma(at.load(ds + j), at.load(p + j), sum);
  }));
  for_lanes<V>(length, [&](int64_t j, auto at) {
    at.store((at.load(ds + j) - along) * at.load(p + j), ds + j);
  });
  if (dropout.threshold != 0) drop_row<V>(dropout, stream, i, length, p);
}

// Fills p and ds of every query, and dq.
template <class V>
void backward_queries(const AttentionShape& shape, const AttentionDropout& dropout, const float* q,
                      const float* k, const float* d_o, const BackwardScratch& s, float* dq) {
  constexpr int kRows = AttentionTile<V>::kRows;
  const int64_t length = shape.length, head_dim = shape.head_dim, row = shape.qkv_row;
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
    exp_rows<V>(rows, length, p, share);
    for (int64_t r = 0; r < rows; ++r) {
      softmax_backward_row<V>(dropout, &stream, i + r, length, share[r], p + r * s.score,
                              ds + r * s.score);
    }
    tile_rows<V>({length, ds, s.score, 1, keys.data, keys.row, 16, dq + i * row, row, scale}, rows,
                 head_dim);
  }
}

// dk = scale * ds^T q and dv = dropout(P)^T d_o: chains over the queries.
template <class V>
void backward_keys(const AttentionShape& shape, const float* q, const float* d_o,
                   const BackwardScratch& s, float* dk, float* dv) {
  constexpr int kRows = AttentionTile<V>::kRows;
  const int64_t length = shape.length, head_dim = shape.head_dim, row = shape.qkv_row;
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
    tile_rows<V>(
        {length, s.p + j, 1, s.score, gradients.data, gradients.row, 16, dv + j * row, row, one},
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
  transpose_panels<V>(length, head_dim, k, shape.qkv_row, s.k_panels);
  transpose_panels<V>(length, head_dim, v, shape.qkv_row, s.v_panels);
  backward_queries<V>(shape, dropout, q, k, d_o, s, dq);
  backward_keys<V>(shape, q, d_o, s, dk, dv);
}

template <class V>
constexpr AttentionKernels make_attention_kernels() {
  return {forward_scratch<V>, backward_scratch<V>, attention_forward<V>, attention_backward<V>};
}

}  // namespace
}  // namespace sinter
