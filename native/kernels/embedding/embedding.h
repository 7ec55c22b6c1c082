// Sums of embedding rows: y[t] = sum over tables of table[index[t]], in the order of the tables.
// The caller has checked every index. width is any positive number; rows = 0 is allowed.
#pragma once

#include <cstdint>

#include "base/kernel_table.h"

namespace sinter {

struct EmbeddingTable {
  const float* f32;      // [rows, width], or nullptr
  const int8_t* s8;      // [rows, width], value = s8 * scale[row]
  const float* scale;    // [rows], int8 only
  const int32_t* index;  // [tokens]
  const uint16_t* f16 =
      nullptr;  // [rows, width], widened exactly; used when f32 and s8 are nullptr
};

struct EmbeddingKernels {
  // y: [tokens, width] dense.
  void (*forward)(int64_t tokens, int64_t width, const EmbeddingTable* tables, int32_t table_count,
                  float* y);
  // grad[index[t], begin:end] += dy[t, begin:end], in increasing t. Different lanes may run
  // different ranges of columns.
  void (*backward)(int64_t tokens, int64_t width, int64_t begin, int64_t end, const int32_t* index,
                   const float* dy, float* grad);
};

#define SINTER_KERNEL(isa, name) const EmbeddingKernels& name();
#include "kernels/embedding/kernels.inc"
#undef SINTER_KERNEL

KernelRows<EmbeddingKernels> embedding_rows();

}  // namespace sinter
