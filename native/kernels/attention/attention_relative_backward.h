// Backward of attention with windows and terms of the distance. A block of queries recomputes P and
// the gradient of its scores (ds), then adds to the gradients of its keys, values and terms: every
// gradient is one fma chain in increasing query (of `queries`: in increasing key within a block). A
// diagonal of ds has one distance: rows of ds that are read with a stride one longer are rows of
// distances. So the products over distances use the same tile with other strides, and the zeros
// around the block of ds stand for the pairs outside it. Include after one header of base/simd.
#pragma once

#include "kernels/attention/attention_relative.h"

namespace sinter {
namespace {

constexpr int64_t kMargin = 16;  // columns and rows of zeros around the block of ds

// The matrices in the scratch of relative_backward.
struct RelativeScratch {
  int64_t most, row, gradient_row;
  float* k_panels;  // [padded / 16][head_dim][16]
  float* v_panels;
  float* dense;  // [3][padded, head_dim]: dense rows of k, q and d_o
  float* dk;     // [length, head_dim]: sums over the blocks
  float* dv;
  float* p;   // [block, row]
  float* ds;  // [block, gradient_row]: gradient of the scores, inside its margins
  float* distances;
  Rows keys, queries, gradients;  // of k, q and d_o
  float log2[kBlockRows], scale[kBlockRows], one[kBlockRows];
};

SINTER_SIMD int64_t gradient_row(int64_t row) { return row + 2 * kMargin; }

template <class V>
size_t relative_backward_scratch(const RelativeExtent& e) {
  const int64_t most = backward_block(e), row = block_row(e, most);
  const int64_t rows = block_rows(e.length, most);
  return static_cast<size_t>(round_up_16(e.length) * 7 * e.head_dim + rows * row +
                             (rows + 2 * kMargin) * gradient_row(row) + distance_floats(e, most));
}

template <class V>
void lay_out(const AttentionShape& shape, const RelativeTerms& terms, const float* q,
             const float* k, const float* v, const float* d_o, float* scratch, RelativeScratch* s) {
  const int64_t length = shape.length, head_dim = shape.head_dim;
  const int64_t size = round_up_16(length) * head_dim;
  const RelativeExtent extent = extent_of(shape, terms);
  s->most = backward_block(extent);
  s->row = block_row(extent, s->most);
  s->gradient_row = gradient_row(s->row);
  const int64_t rows = block_rows(length, s->most);
  s->k_panels = scratch;
  s->v_panels = scratch + size;
  s->dense = scratch + 2 * size;
  s->dk = scratch + 5 * size;
  s->dv = scratch + 6 * size;
  s->p = scratch + 7 * size;
  float* gradients = s->p + rows * s->row;
  const int64_t floats = (rows + 2 * kMargin) * s->gradient_row;
  s->ds = gradients + kMargin * s->gradient_row + kMargin;
  s->distances = gradients + floats;
  for (int64_t x = 0; x < floats; ++x) gradients[x] = 0.0f;
  for (int64_t x = 0; x < 2 * size; ++x) s->dk[x] = 0.0f;
  transpose_panels<V>(length, head_dim, k, shape.qk_row, s->k_panels);
  transpose_panels<V>(length, head_dim, v, shape.v_row, s->v_panels);
  s->keys = dense_rows<V>(length, head_dim, k, shape.qk_row, s->dense);
  s->queries = dense_rows<V>(length, head_dim, q, shape.qk_row, s->dense + size);
  s->gradients = dense_rows<V>(length, head_dim, d_o, shape.out_row, s->dense + 2 * size);
  for (int64_t r = 0; r < kBlockRows; ++r) {
    s->log2[r] = shape.scale * kLog2E;
    s->scale[r] = shape.scale;
    s->one[r] = 1.0f;
  }
}

// Softmax backward of up to kBlockRows queries, from row r of the block on, and their dq.
template <class V>
void backward_rows(const AttentionShape& shape, const RelativeTerms& terms,
                   const AttentionDropout& dropout, const RelativeScratch& s,
                   const QueryBlock& block, int64_t r, DropoutStream* stream, float* d_bias,
                   float* dq) {
  const int64_t head_dim = shape.head_dim, width = block.width(), i = block.i + r;
  const int64_t rows = less(kBlockRows, block.rows - r), row = s.gradient_row;
  float* p = s.p + r * s.row;
  float* ds = s.ds + r * row;
  block_product<V>({head_dim, s.gradients.data + i * s.gradients.row, s.gradients.row, 1,
                    s.v_panels + block.begin * head_dim, 16, 16 * head_dim, ds, row, s.one},
                   rows, round_up_16(width));
  float share[kShares];
  exp_rows<V>(rows, width, s.row, p, share);
  for (int64_t x = 0; x < rows; ++x) {
    softmax_backward_row<V>(dropout, stream, (i + x) * shape.length + block.begin, width, share[x],
                            p + x * s.row, ds + x * row);
    for (int64_t j = width; j < s.row; ++j) ds[x * row + j] = 0.0f;
    if (d_bias == nullptr) continue;
    float* to = d_bias + terms.center + block.begin - (i + x);
    const float* from = ds + x * row;
    for_lanes<V>(
        width, [&](int64_t j, auto at) { at.store(at.load(to + j) + at.load(from + j), to + j); });
  }
  const bool more = terms.key_rows != nullptr;
  block_product<V>({width, ds, row, 1, s.keys.data + block.begin * s.keys.row, s.keys.row, 16,
                    dq + i * shape.qk_row, shape.qk_row, more ? s.one : s.scale},
                   rows, head_dim);
  if (!more) return;
  const int64_t first = block.begin - (i + rows - 1) + terms.center;
  block_product<V, true>(
      {width + rows - 1, ds - (rows - 1), row + 1, 1, terms.key_rows + first * head_dim, head_dim,
       16, dq + i * shape.qk_row, shape.qk_row, s.scale},
      rows, head_dim);
}

// Adds ds^T q and (ds by distance) queries to dk, and dropout(P)^T d_o to dv, over the queries of a
// block.
template <class V>
void add_keys(const AttentionShape& shape, const RelativeTerms& terms, const RelativeScratch& s,
              const QueryBlock& block) {
  const int64_t head_dim = shape.head_dim, row = s.gradient_row;
  for (int64_t j = block.begin; j < block.end; j += kBlockRows) {
    const int64_t rows = less(kBlockRows, block.end - j), column = j - block.begin;
    block_product<V, true>(
        {block.rows, s.ds + column, 1, row, s.queries.data + block.i * s.queries.row, s.queries.row,
         16, s.dk + j * head_dim, head_dim, s.one},
        rows, head_dim);
    block_product<V, true>(
        {block.rows, s.p + column, 1, s.row, s.gradients.data + block.i * s.gradients.row,
         s.gradients.row, 16, s.dv + j * head_dim, head_dim, s.one},
        rows, head_dim);
    if (terms.query_rows == nullptr) continue;
    const int64_t first = j - (block.i + block.rows - 1) + terms.center;
    block_product<V, true>(
        {block.rows + rows - 1, s.ds + (block.rows - 1) * row + column, row + 1, -row,
         terms.query_rows + first * head_dim, head_dim, 16, s.dk + j * head_dim, head_dim, s.one},
        rows, head_dim);
  }
}

// For each t, over the pairs (i, j) of a block with t = center + j - i: d_keys[t] += sum of ds[i,
// j] Q[i] and d_queries[t] += sum of ds[i, j] K[j].
template <class V>
void add_distances(const AttentionShape& shape, const RelativeTerms& terms,
                   const RelativeScratch& s, const QueryBlock& block,
                   const RelativeGradients& gradients) {
  const int64_t head_dim = shape.head_dim, row = s.gradient_row, center = terms.center;
  const int64_t last = block.i + block.rows - 1;
  for (int64_t t = block.begin - last + center; t < block.end - block.i + center; t += kBlockRows) {
    const int64_t rows = less(kBlockRows, block.end - block.i + center - t);
    if (gradients.d_keys != nullptr) {
      const int64_t from = greater(block.i, block.begin + center - (t + rows - 1));
      const int64_t to = less(last + 1, block.end + center - t);
      const float* a = s.ds + (from - block.i) * row + from + t - center - block.begin;
      block_product<V, true>({to - from, a, 1, row + 1, s.queries.data + from * s.queries.row,
                              s.queries.row, 16, gradients.d_keys + t * head_dim, head_dim, s.one},
                             rows, head_dim);
    }
    if (gradients.d_queries != nullptr) {
      const int64_t from = greater(block.begin, block.i + t - center);
      const int64_t to = less(block.end, last + t + rows - center);
      const float* a = s.ds + (from - t + center - block.i) * row + from - block.begin;
      block_product<V, true>({to - from, a, -row, row + 1, s.keys.data + from * s.keys.row,
                              s.keys.row, 16, gradients.d_queries + t * head_dim, head_dim, s.one},
                             rows, head_dim);
    }
  }
}

template <class V>
void relative_backward(const AttentionShape& shape, const RelativeTerms& terms,
                       const AttentionDropout& dropout, const float* q, const float* k,
                       const float* v, const float* d_o, float* dq, float* dk, float* dv,
                       const RelativeGradients& gradients, float* scratch) {
  const int64_t length = shape.length, head_dim = shape.head_dim;
  RelativeScratch s;
  lay_out<V>(shape, terms, q, k, v, d_o, scratch, &s);
  ScoreInputs in = {q, k, s.k_panels, s.distances, {}};
  for (int64_t r = 0; r < kBlockRows; ++r) in.log2[r] = s.log2[r];
  DropoutStream stream(dropout.key, dropout.threshold);
  for (int64_t i = 0; i < length; i += s.most) {
    const QueryBlock block = query_block(length, terms, i, s.most);
    relative_scores<V>(shape, terms, in, block, s.most, s.row, s.p);
    for (int64_t r = 0; r < block.rows; r += kBlockRows) {
      backward_rows<V>(shape, terms, dropout, s, block, r, &stream, gradients.d_bias, dq);
    }
    if (i > 0 && block.rows < s.most) {  // clears the rows after the last, left by the block before
      float* after = s.ds + block.rows * s.gradient_row - kMargin;
      for (int64_t x = 0; x < kBlockRows * s.gradient_row; ++x) after[x] = 0.0f;
    }
    add_keys<V>(shape, terms, s, block);
    if (gradients.d_keys != nullptr || gradients.d_queries != nullptr)
      add_distances<V>(shape, terms, s, block, gradients);
  }
  const V scale = V::set(shape.scale);
  for (int64_t j = 0; j < length; ++j) {
    for_lanes<V>(head_dim, [&](int64_t d, auto at) {
      at.store(at.load(s.dk + j * head_dim + d) * scale, dk + j * shape.qk_row + d);
      at.store(at.load(s.dv + j * head_dim + d), dv + j * shape.v_row + d);
    });
  }
}

}  // namespace
}  // namespace sinter
