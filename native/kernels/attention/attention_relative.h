// Attention with windows and terms of the distance: scores and the forward pass. Queries go in
// blocks that share one range of keys, so that with a window no cost grows with length x length.
// The rule: blocks and ranges depend on the shape alone, never on the ISA, because keys of the
// range outside a query's window are multiplied by 0. Include after one header of base/simd.
#pragma once

#include "kernels/attention/attention_softmax.h"

namespace sinter {
namespace {

// Rows of one product, which share the range of their sums, on every ISA.
constexpr int64_t kBlockRows = 12;
// Queries of a block where a large block saves work: the term K queries computes the distances of
// 48 keys to all queries of a block at once, 47 more distances than a key needs, and gradients of
// keys are added up once per block.
constexpr int64_t kLargeBlock = 192;
constexpr int64_t kKeyGroup = 48;
// Queries of a block in the backward pass of a narrow window: a block of twice kBlockRows wastes
// more products, but saves more additions.
constexpr int64_t kWindowBackwardBlock = 24;

// Queries [i, i + rows) and the range [begin, end) of keys that at least one of them sees; begin is
// a multiple of 16.
struct QueryBlock {
  int64_t i, rows, begin, end;
  int64_t width() const { return end - begin; }
};

SINTER_SIMD int64_t less(int64_t a, int64_t b) { return a < b ? a : b; }
SINTER_SIMD int64_t greater(int64_t a, int64_t b) { return a < b ? b : a; }

SINTER_SIMD RelativeExtent extent_of(const AttentionShape& shape, const RelativeTerms& terms) {
  return {shape.length, shape.head_dim, terms.window, terms.key_panels != nullptr,
          terms.query_panels != nullptr};
}

SINTER_SIMD int64_t forward_block(const RelativeExtent& e) {
  return e.queries ? kLargeBlock : kBlockRows;
}

SINTER_SIMD int64_t backward_block(const RelativeExtent& e) {
  const bool narrow = e.window < 2 * kLargeBlock && !e.queries;
  return narrow ? kWindowBackwardBlock : kLargeBlock;
}

SINTER_SIMD QueryBlock query_block(int64_t length, const RelativeTerms& terms, int64_t i,
                                   int64_t most) {
  const int64_t rows = less(most, length - i);
  const int64_t begin = greater(0, i - terms.window) / 16 * 16;
  return {i, rows, begin, less(length, i + rows + less(terms.window, length))};
}

// Floats between rows of scores: the widest range of keys in whole vectors, as an odd number of
// cache lines.
SINTER_SIMD int64_t block_row(const RelativeExtent& e, int64_t most) {
  return score_row(less(e.length, 2 * less(e.window, e.length) + most + 15));
}

// The most rows that a block has in a text of `length` tokens.
SINTER_SIMD int64_t block_rows(int64_t length, int64_t most) { return less(most, length); }

// Floats between rows of the products of 48 keys with all distances of a block.
SINTER_SIMD int64_t distance_row(int64_t block) { return round_up_16(block + 96) | 16; }

// Floats of scratch for the distances of relative_scores.
SINTER_SIMD int64_t distance_floats(const RelativeExtent& e, int64_t most) {
  const int64_t key_term = kBlockRows * (block_row(e, most) + 48);
  const int64_t query_term = kKeyGroup * distance_row(most);
  return greater(e.keys ? key_term : 0, e.queries ? query_term : 0);
}

// tile_rows for up to kBlockRows rows; each ISA cuts them into tiles of its own size.
template <class V, bool adds = false>
SINTER_SIMD void block_product(const TileArgs& t, int64_t rows, int64_t columns) {
  constexpr int64_t kRows = AttentionTile<V>::kRows;
  static_assert(kBlockRows % kRows == 0);
  for (int64_t r = 0; r < rows; r += kRows) {
    TileArgs part = t;
    part.a += r * t.a_row;
    part.c += r * t.c_row;
    part.factor += r;
    tile_rows<V, adds>(part, less(kRows, rows - r), columns);
  }
}

// The inputs of relative_scores, and its scratch for distances.
struct ScoreInputs {
  const float* q;
  const float* k;
  const float* k_panels;
  float* distances;
  float log2[kBlockRows];  // scale * log2 e
};

// p[r][j] += log2 * Q[i + r] keys[center + j - (i + r)] for a block of up to kBlockRows queries.
template <class V>
void add_key_term(const AttentionShape& shape, const RelativeTerms& terms, const ScoreInputs& in,
                  const QueryBlock& block, int64_t row, float* p) {
  const int64_t head_dim = shape.head_dim;
  const int64_t first = block.begin - (block.i + block.rows - 1) + terms.center;
  const int64_t start = first / 16 * 16, end = block.end - block.i + terms.center;
  const int64_t columns = round_up_16(end - start), distance = columns | 16;
  block_product<V>(
      {head_dim, in.q + block.i * shape.qk_row, shape.qk_row, 1,
       terms.key_panels + start * head_dim, 16, 16 * head_dim, in.distances, distance, in.log2},
      block.rows, columns);
  for (int64_t r = 0; r < block.rows; ++r) {
    const float* from = in.distances + r * distance + block.rows - 1 - r + first - start;
    float* to = p + r * row;
    for_lanes<V>(block.width(), [&](int64_t j, auto at) {
      at.store(at.load(to + j) + at.load(from + j), to + j);
    });
  }
}

// p[i][j] += the product of key j at its distance to query i, for up to 16 keys: transposes 16 x 16
// distances at a time. `from` points at key 0 and query `last`.
template <class V>
SINTER_SIMD void add_transposed(const float* from, int64_t from_row, int64_t keys, int64_t last,
                                int64_t row, float* p) {
  alignas(64) float turned[256];
  for (int64_t i = last; i >= 0; i -= 16, from += 16) {
    transpose_16x16(from, from_row + 1, keys, turned);
    for (int64_t c = 0; c < 16 && c <= i; ++c) {
      float* to = p + (i - c) * row;
      for_lanes<V>(keys, [&](int64_t j, auto at) {
        at.store(at.load(to + j) + at.load(turned + c * 16 + j), to + j);
      });
    }
  }
}

// p[r][j] += log2 * K[j] queries[center + j - (i + r)] for a block of any size.
template <class V>
void add_query_term(const AttentionShape& shape, const RelativeTerms& terms, const ScoreInputs& in,
                    const QueryBlock& block, int64_t most, int64_t row, float* p) {
  const int64_t head_dim = shape.head_dim, distance = distance_row(most);
  const int64_t last = block.i + block.rows - 1;
  for (int64_t j = block.begin; j < block.end; j += kKeyGroup) {
    const int64_t keys = less(kKeyGroup, block.end - j);
    const int64_t base = (j - last + terms.center) / 16 * 16;
    for (int64_t r = 0; r < keys; r += kBlockRows) {
      const int64_t rows = less(kBlockRows, keys - r);
      const int64_t start = (j + r - last + terms.center) / 16 * 16;
      const int64_t end = j + r + rows - block.i + terms.center;
      block_product<V>({head_dim, in.k + (j + r) * shape.qk_row, shape.qk_row, 1,
                        terms.query_panels + start * head_dim, 16, 16 * head_dim,
                        in.distances + r * distance + start - base, distance, in.log2},
                       rows, round_up_16(end - start));
    }
    for (int64_t r = 0; r < keys; r += 16) {
      add_transposed<V>(in.distances + r * distance + j + r - last + terms.center - base, distance,
                        less(16, keys - r), block.rows - 1, row, p + j + r - block.begin);
    }
  }
}

// Computes the scores of a block, times log2 e, into p[r][j - begin]. A score is -inf where query i
// + r does not see key j, and from block.end to a whole vector.
template <class V>
void relative_scores(const AttentionShape& shape, const RelativeTerms& terms, const ScoreInputs& in,
                     const QueryBlock& block, int64_t most, int64_t row, float* p) {
  const int64_t head_dim = shape.head_dim, padded = round_up_16(block.width());
  for (int64_t r = 0; r < block.rows; r += kBlockRows) {
    const QueryBlock part = {block.i + r, less(kBlockRows, block.rows - r), block.begin, block.end};
    float* to = p + r * row;
    block_product<V>({head_dim, in.q + part.i * shape.qk_row, shape.qk_row, 1,
                      in.k_panels + block.begin * head_dim, 16, 16 * head_dim, to, row, in.log2},
                     part.rows, padded);
    if (terms.key_panels != nullptr) add_key_term<V>(shape, terms, in, part, row, to);
    for (int64_t x = 0; x < part.rows && terms.bias != nullptr; ++x) {
      const float* bias = terms.bias + terms.center + block.begin - (part.i + x);
      float* scores = to + x * row;
      for_lanes<V>(block.width(), [&](int64_t j, auto at) {
        at.store(fma(at.load(bias + j), V::set(kLog2E), at.load(scores + j)), scores + j);
      });
    }
  }
  if (terms.query_panels != nullptr) add_query_term<V>(shape, terms, in, block, most, row, p);
  constexpr float kLowest = -__builtin_inff();
  for (int64_t r = 0; r < block.rows; ++r) {
    const int64_t i = block.i + r;
    const int64_t from = greater(block.begin, i - terms.window) - block.begin;
    const int64_t to = less(block.end, i + less(terms.window, shape.length) + 1) - block.begin;
    for (int64_t j = 0; j < from; ++j) p[r * row + j] = kLowest;
    for (int64_t j = to; j < padded; ++j) p[r * row + j] = kLowest;
  }
}

template <class V>
size_t relative_forward_scratch(const RelativeExtent& e) {
  const int64_t most = forward_block(e);
  return static_cast<size_t>(round_up_16(e.length) * 2 * e.head_dim +
                             block_rows(e.length, most) * block_row(e, most) +
                             distance_floats(e, most));
}

template <class V>
void relative_forward(const AttentionShape& shape, const RelativeTerms& terms,
                      const AttentionDropout& dropout, const float* q, const float* k,
                      const float* v, float* o, float* scratch) {
  const int64_t length = shape.length, head_dim = shape.head_dim;
  const RelativeExtent extent = extent_of(shape, terms);
  const int64_t most = forward_block(extent), row = block_row(extent, most);
  const int64_t size = round_up_16(length) * head_dim;
  float* p = scratch + 2 * size;
  ScoreInputs in = {q, k, scratch, p + block_rows(length, most) * row, {}};
  for (int64_t r = 0; r < kBlockRows; ++r) in.log2[r] = shape.scale * kLog2E;
  transpose_panels<V>(length, head_dim, k, shape.qk_row, scratch);
  const Rows values = dense_rows<V>(length, head_dim, v, shape.v_row, scratch + size);
  DropoutStream stream(dropout.key, dropout.threshold);
  float share[kShares];
  for (int64_t i = 0; i < length; i += most) {
    const QueryBlock block = query_block(length, terms, i, most);
    relative_scores<V>(shape, terms, in, block, most, row, p);
    for (int64_t r = 0; r < block.rows; r += kBlockRows) {
      const int64_t rows = less(kBlockRows, block.rows - r);
      float* part = p + r * row;
      exp_rows<V>(rows, block.width(), row, part, share);
      for (int64_t x = 0; x < rows && dropout.threshold != 0; ++x) {
        drop_row<V>(dropout, &stream, (i + r + x) * length + block.begin, block.width(),
                    part + x * row);
      }
      block_product<V>({block.width(), part, row, 1, values.data + block.begin * values.row,
                        values.row, 16, o + (i + r) * shape.out_row, shape.out_row, share},
                       rows, head_dim);
    }
  }
}

}  // namespace
}  // namespace sinter
