// Embedding sums and their gradients on any F32x16. Memory bound: one pass per table over a row
// that stays in L1.
#pragma once

#include "base/simd/loops.h"
#include "kernels/embedding/embedding.h"

namespace sinter {
namespace {

// y (+)= table[row]; the first table of a sum overwrites y.
template <class V, bool first>
void add_table_row(const EmbeddingTable& table, int64_t row, int64_t width, float* y) {
  if (table.f32 != nullptr) {
    const float* x = table.f32 + row * width;
    for_lanes<V>(width, [&](int64_t j, auto at) {
      const V v = at.load(x + j);
      at.store(first ? v : at.load(y + j) + v, y + j);
    });
    return;
  }
  if (table.s8 == nullptr) {
    const uint16_t* x = table.f16 + row * width;
    for_lanes<V>(width, [&](int64_t j, auto at) {
      const V v = at.load_f16(x + j);
      at.store(first ? v : at.load(y + j) + v, y + j);
    });
    return;
  }
  const int8_t* x = table.s8 + row * width;
  const V scale = V::set(table.scale[row]);
  for_lanes<V>(width, [&](int64_t j, auto at) {
    const V v = at.load_s8(x + j) * scale;
    at.store(first ? v : at.load(y + j) + v, y + j);
  });
}

template <class V>
void embedding_forward(int64_t tokens, int64_t width, const EmbeddingTable* tables,
                       int32_t table_count, float* y) {
  for (int64_t t = 0; t < tokens; ++t) {
    float* out = y + t * width;
    for (int32_t i = 0; i < table_count; ++i) {
      const int64_t row = tables[i].index[t];
      if (i == 0) {
        add_table_row<V, true>(tables[i], row, width, out);
      } else {
        add_table_row<V, false>(tables[i], row, width, out);
      }
    }
  }
}

template <class V>
void embedding_backward(int64_t tokens, int64_t width, int64_t begin, int64_t end,
                        const int32_t* index, const float* dy, float* grad) {
  for (int64_t t = 0; t < tokens; ++t) {
    const float* from = dy + t * width + begin;
    float* to = grad + static_cast<int64_t>(index[t]) * width + begin;
    for_lanes<V>(end - begin, [&](int64_t j, auto at) {
      at.store(at.load(to + j) + at.load(from + j), to + j);
    });
  }
}

template <class V>
constexpr EmbeddingKernels make_embedding_kernels() {
  return {embedding_forward<V>, embedding_backward<V>};
}

}  // namespace
}  // namespace sinter
