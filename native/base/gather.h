// Rows of a matrix back to back, from elements that may lie column by column in a file.
#pragma once

#include <cstdint>

namespace sinter {

// to[r * columns + c] = from[r * row_step + c * column_step]. T is an unsigned integer of the
// element's size: bits are moved, whatever they mean. `from` and `to` do not overlap.
template <typename T>
void gather_rows(const T* from, int64_t rows, int64_t columns, int64_t row_step,
                 int64_t column_step, T* to);

}  // namespace sinter
