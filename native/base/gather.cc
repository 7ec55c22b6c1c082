// The loops. Rule: elements of a block are read and written while their cache lines are in the
// first cache.
#include "base/gather.h"

#include <algorithm>

namespace sinter {
namespace {

// Rows and columns of a block: 64 bytes of each column, so that its cache lines are used whole.
constexpr int64_t kBlockBytes = 64;
constexpr int64_t kBlockColumns = 16;

}  // namespace

template <typename T>
void gather_rows(const T* from, int64_t rows, int64_t columns, int64_t row_step,
                 int64_t column_step, T* to) {
  if (column_step == 1) {
    for (int64_t row = 0; row < rows; ++row) {
      std::copy_n(from + row * row_step, columns, to + row * columns);
    }
    return;
  }
  constexpr int64_t block_rows = kBlockBytes / static_cast<int64_t>(sizeof(T));
  for (int64_t row = 0; row < rows; row += block_rows) {
    const int64_t row_end = std::min(rows, row + block_rows);
    for (int64_t column = 0; column < columns; column += kBlockColumns) {
      const int64_t column_end = std::min(columns, column + kBlockColumns);
      for (int64_t c = column; c < column_end; ++c) {
        for (int64_t r = row; r < row_end; ++r) {
          to[r * columns + c] = from[r * row_step + c * column_step];
        }
      }
    }
  }
}

template void gather_rows(const uint8_t*, int64_t, int64_t, int64_t, int64_t, uint8_t*);
template void gather_rows(const uint16_t*, int64_t, int64_t, int64_t, int64_t, uint16_t*);
template void gather_rows(const uint32_t*, int64_t, int64_t, int64_t, int64_t, uint32_t*);

}  // namespace sinter
