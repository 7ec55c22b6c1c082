// Softmax over rows of scores, forward and backward, and dropout of P. Include after one header of
// base/simd.
#pragma once

#include "kernels/attention/attention.h"
#include "kernels/attention/attention_tile.h"
#include "kernels/dropout/dropout_math.h"
#include "kernels/softmax/softmax_math.h"

namespace sinter {
namespace {

constexpr float kLog2E = 1.44269504f;
constexpr int64_t kShares = 16;  // at least the rows of a tile, in whole vectors

SINTER_SIMD int64_t round_up_16(int64_t n) { return (n + 15) / 16 * 16; }

// Floats between rows of scores: an odd number of cache lines, so that the rows of a tile lie in
// different sets of the cache. At 512 keys, rows a power of two apart cost half of the speed.
SINTER_SIMD int64_t score_row(int64_t length) { return round_up_16(length) | 16; }

// Dropout of a part of a row of P: p[j] <- keep ? p[j] * keep_scale : 0 for `count` keys. p[0] is
// element `first` of the P of the sequence.
template <class V>
SINTER_SIMD void drop_row(const AttentionDropout& dropout, DropoutStream* stream, int64_t first,
                          int64_t count, float* p) {
  const V scale = V::set(dropout.keep_scale);
  const uint64_t base = dropout.index_base + static_cast<uint64_t>(first);
  for_lanes<V>(count, [&](int64_t j, auto at) {
    const Mask16 keep = stream->keep(base + static_cast<uint64_t>(j));
    at.store(select(keep, at.load(p + j) * scale, V::zero()), p + j);
  });
}

// p <- 2^(p - max p) and share <- 1 / sum of them, for each row. Columns from `length` up to a
// whole vector take part in the maximum only, so they must repeat a score or be -inf. Four rows at
// a time hide each other's latency. A group of fewer rows does its last row again, which changes
// nothing, because all four are read before one is written. Rows are `row_floats` apart.
template <class V>
SINTER_SIMD void exp_rows(int64_t rows, int64_t length, int64_t row_floats, float* p,
                          float* share) {
  const int64_t padded = round_up_16(length);
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

// Softmax backward of `count` keys of one query (arguments as in drop_row). On entry p holds P /
// share and ds the gradient of dropout(P). ds <- P * (dP - sum(dP * P)); p <- dropout(P).
template <class V>
SINTER_SIMD void softmax_backward_row(const AttentionDropout& dropout, DropoutStream* stream,
                                      int64_t first, int64_t count, float share, float* p,
                                      float* ds) {
  const V factor = V::set(share);
  for_lanes<V>(count, [&](int64_t j, auto at) { at.store(at.load(p + j) * factor, p + j); });
  if (dropout.threshold != 0) drop_row<V>(dropout, stream, first, count, ds);
  const V along = V::set(sum_lanes<V>(
      count, [&](V sum, int64_t j, auto at) { return fma(at.load(ds + j), at.load(p + j), sum); }));
  for_lanes<V>(count, [&](int64_t j, auto at) {
    at.store((at.load(ds + j) - along) * at.load(p + j), ds + j);
  });
  if (dropout.threshold != 0) drop_row<V>(dropout, stream, first, count, p);
}

}  // namespace
}  // namespace sinter
