// Loops of the reference product. Rule: plain C++ that calls no kernel, in the summation order that
// product.h states.
#include "reference/product.h"

#include <algorithm>

namespace sinter {
namespace {

// The sums of a tile and the row of b, 17 * 64 doubles, stay in the L1 cache. The probes that prove
// an import have 16 rows.
constexpr int64_t kTileColumns = 64;
constexpr int64_t kTileRows = 16;

template <typename B>
void widened(const B* row, const double* zero, int64_t zeros, int64_t width, double* to) {
  for (int64_t j = 0; j < width; ++j) to[j] = static_cast<double>(row[j]);
  if (zeros == 1) {
    for (int64_t j = 0; j < width; ++j) to[j] -= zero[0];
  } else if (zeros > 1) {
    for (int64_t j = 0; j < width; ++j) to[j] -= zero[j];
  }
}

// sums[0 .. kTileColumns) += x * row. It always runs over a whole tile, so that the length is a
// compile-time constant.
inline void add_row(double x, const double* row, double* sums) {
  for (int64_t j = 0; j < kTileColumns; ++j) sums[j] += x * row[j];
}

}  // namespace

template <typename B, typename Out>
void reference_product(const double* a, const B* b, const double* zero, int64_t zeros, int64_t rows,
                       int64_t depth, int64_t columns, Out* out) {
  double row[kTileColumns] = {};
  double sums[kTileRows][kTileColumns];
  for (int64_t column = 0; column < columns; column += kTileColumns) {
    const int64_t width = std::min(kTileColumns, columns - column);
    const double* shift = zeros > 1 ? zero + column : zero;
    for (int64_t first = 0; first < rows; first += kTileRows) {
      const int64_t height = std::min(kTileRows, rows - first);
      for (auto& line : sums) std::fill(line, line + kTileColumns, 0.0);
      for (int64_t k = 0; k < depth; ++k) {
        widened(b + k * columns + column, shift, zeros, width, row);
        for (int64_t i = 0; i < height; ++i) add_row(a[(first + i) * depth + k], row, sums[i]);
      }
      for (int64_t i = 0; i < height; ++i) {
        Out* to = out + (first + i) * columns + column;
        for (int64_t j = 0; j < width; ++j) to[j] = static_cast<Out>(sums[i][j]);
      }
    }
  }
}

#define SINTER_REFERENCE_PRODUCT(B)                                                         \
  template void reference_product(const double*, const B*, const double*, int64_t, int64_t, \
                                  int64_t, int64_t, float*);                                \
  template void reference_product(const double*, const B*, const double*, int64_t, int64_t, \
                                  int64_t, int64_t, double*);
SINTER_REFERENCE_PRODUCT(int8_t)
SINTER_REFERENCE_PRODUCT(uint8_t)
SINTER_REFERENCE_PRODUCT(int32_t)
SINTER_REFERENCE_PRODUCT(float)
SINTER_REFERENCE_PRODUCT(double)
#undef SINTER_REFERENCE_PRODUCT

}  // namespace sinter
