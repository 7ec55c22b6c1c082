// The register tile of every matrix product of attention: C[i, j] = (sum over k of A[i, k] * B[k,
// j]) * factor[i]. Vectors run over j, A is broadcast once per row and step, and each output is one
// chain of fma in increasing k, which starts at C[i, j] where `adds` is set. Include after one
// header of base/simd.
#pragma once

#include "base/simd/loops.h"

namespace sinter {
namespace {

// The largest tile: accumulators, vectors of B and a broadcast fill the register file (12 rows x 2
// vectors ran 30 % faster than 8 x 2 at AVX-512).
template <class V>
struct AttentionTile {
  static constexpr int kValues = V::kFile / V::kRegisters;  // that fit into the register file
  static constexpr int kRows = kValues == 32 ? 12 : kValues == 8 ? 6 : 4;
  static constexpr int kVectors = kValues == 32 ? 2 : 1;
};

struct TileArgs {
  int64_t k;
  const float* a;
  int64_t a_row, a_step;  // A[i, k] = a[i * a_row + k * a_step]
  const float* b;
  int64_t b_step,
      b_next;  // floats from B[k] to B[k + 1], and from one vector of 16 columns to the next
  float* c;
  int64_t c_row;        // vectors of C are 16 floats apart
  const float* factor;  // [rows]
};

template <class V, int rows, int vectors, bool adds, class Lanes>
SINTER_SIMD void tile(const TileArgs& t, const float* b, float* c, Lanes at) {
  V sum[rows][vectors];
#pragma GCC unroll 16
  for (int r = 0; r < rows; ++r) {
#pragma GCC unroll 4
    for (int v = 0; v < vectors; ++v) {
      if constexpr (adds) {
        sum[r][v] = at.load(c + r * t.c_row + 16 * v);
      } else {
        sum[r][v] = V::zero();
      }
    }
  }
  constexpr int kPointers = (rows + 3) / 4;  // rows at 0 to 3 strides from each: no offset is
  const float* a[kPointers];                 // reloaded in the loop
#pragma GCC unroll 4
  for (int g = 0; g < kPointers; ++g) a[g] = t.a + 4 * g * t.a_row;
  for (int64_t k = 0; k < t.k; ++k, b += t.b_step) {
    V column[vectors];
#pragma GCC unroll 4
    for (int v = 0; v < vectors; ++v) column[v] = at.load(b + v * t.b_next);
#pragma GCC unroll 16
    for (int r = 0; r < rows; ++r) {
      const V x = V::set(a[r / 4][r % 4 * t.a_row]);
#pragma GCC unroll 4
      for (int v = 0; v < vectors; ++v) sum[r][v] = fma(x, column[v], sum[r][v]);
    }
#pragma GCC unroll 4
    for (int g = 0; g < kPointers; ++g) a[g] += t.a_step;
  }
#pragma GCC unroll 16
  for (int r = 0; r < rows; ++r) {
    const V f = V::set(t.factor[r]);
#pragma GCC unroll 4
    for (int v = 0; v < vectors; ++v) at.store(sum[r][v] * f, c + r * t.c_row + 16 * v);
  }
}

// Computes `columns` columns of C in strips of vectors. `t` is passed by reference without a copy:
// a copy would read its fields in pairs before their stores are done, and wait for that in every
// call.
template <class V, int rows, bool adds>
void tile_columns(const TileArgs& t, int64_t columns) {
  constexpr int kVectors = AttentionTile<V>::kVectors;
  const float* b = t.b;
  float* c = t.c;
  for (; columns >= 16 * kVectors; columns -= 16 * kVectors) {
    tile<V, rows, kVectors, adds>(t, b, c, Whole<V>{});
    b += kVectors * t.b_next;
    c += kVectors * 16;
  }
  for (; columns >= 16; columns -= 16) {
    tile<V, rows, 1, adds>(t, b, c, Whole<V>{});
    b += t.b_next;
    c += 16;
  }
  if (columns > 0) tile<V, rows, 1, adds>(t, b, c, Part<V>{columns});
}

// Rows per tile for `length` rows: nearly equal tiles, so that no small tile is left over.
template <class V>
SINTER_SIMD int64_t rows_of_tiles(int64_t length) {
  constexpr int64_t kMost = AttentionTile<V>::kRows;
  const int64_t tiles = (length + kMost - 1) / kMost;
  return (length + tiles - 1) / tiles;
}

// Runs tile_columns for 1 <= rows <= `most`, with code of its own for each number of rows.
template <class V, bool adds = false, int most = AttentionTile<V>::kRows>
SINTER_SIMD void tile_rows(const TileArgs& t, int64_t rows, int64_t columns) {
  if (rows == most) return tile_columns<V, most, adds>(t, columns);
  if constexpr (most > 1) tile_rows<V, adds, most - 1>(t, rows, columns);
}

// panels[p][d][16] <- the tokens 16 p to 16 p + 15 of x. Lanes beyond the last token repeat it; no
// result depends on them.
template <class V>
void transpose_panels(int64_t length, int64_t head_dim, const float* x, int64_t x_row,
                      float* panels) {
  for (int64_t j = 0; j < length; j += 16) {
    const float* from = x + j * x_row;
    const int64_t rows = length - j;
    float* panel = panels + j * head_dim;
    int64_t d = 0;
    for (; d + 16 <= head_dim; d += 16) transpose_16x16(from + d, x_row, rows, panel + d * 16);
    for (; d < head_dim; ++d) {
      for (int64_t i = 0; i < 16; ++i)
        panel[d * 16 + i] = from[(i < rows ? i : rows - 1) * x_row + d];
    }
  }
}

// The matrix that every tile of rows streams through again: its data, and the floats between its
// rows.
struct Rows {
  const float* data;
  int64_t row;
};

// From this length on the streamed matrix is copied to dense rows: in the activations the rows of
// two tokens are pages apart, which costs a TLB entry and a cache set each. A shorter matrix stays
// in L1 anyway.
constexpr int64_t kDenseFrom = 96;

// x [length, head_dim], or its dense copy in `copy` from kDenseFrom on.
template <class V>
SINTER_SIMD Rows dense_rows(int64_t length, int64_t head_dim, const float* x, int64_t x_row,
                            float* copy) {
  if (length < kDenseFrom) return {x, x_row};
  for (int64_t i = 0; i < length; ++i) {
    for_lanes<V>(head_dim, [&](int64_t d, auto at) {
      at.store(at.load(x + i * x_row + d), copy + i * head_dim + d);
    });
  }
  return {copy, head_dim};
}

}  // namespace
}  // namespace sinter
