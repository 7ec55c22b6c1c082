// Transposes of floats in NEON registers, for packing B and copying a transposed A.
#pragma once

#include <stdint.h>

#include "base/simd/neon.h"

namespace sinter {
namespace {

// to[i * to_row + j] = from[j * from_row + i] for i < rows, j < columns; touches no other element.
inline void transpose(int64_t rows, int64_t columns, const float* from, int64_t from_row, float* to,
                      int64_t to_row) {
  const int64_t whole_columns = columns / 4 * 4, whole_rows = rows / 4 * 4;
  for (int64_t j = 0; j < whole_columns; j += 4) {
    for (int64_t i = 0; i < whole_rows; i += 4) {
      transpose_4x4(from + j * from_row + i, from_row, 4, to + i * to_row + j, to_row);
    }
    for (int64_t i = whole_rows; i < rows; ++i) {
      for (int64_t l = j; l < j + 4; ++l) to[i * to_row + l] = from[l * from_row + i];
    }
  }
  for (int64_t j = whole_columns; j < columns; ++j) {
    for (int64_t i = 0; i < rows; ++i) to[i * to_row + j] = from[j * from_row + i];
  }
}

}  // namespace
}  // namespace sinter
