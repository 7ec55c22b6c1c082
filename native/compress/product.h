// Products of matrices in f64 on all lanes. Every output is one chain of fma in increasing k, so
// the lanes and the blocks change no bit.
#pragma once

#include <cstdint>

#include "compress/work.h"
#include "kernels/gemm_f64/gemm_f64.h"

namespace sinter {

// The f64 kernels at active_isa(), picked once.
const GemmF64Kernels& f64_kernels();

// A matrix of doubles or floats: element [i, j] is at data[i * row + j * column].
struct MatrixView {
  const double* doubles = nullptr;
  const float* floats = nullptr;  // read instead of `doubles` if it is set
  int64_t row = 0, column = 1;

  MatrixView transposed() const { return {doubles, floats, column, row}; }
};

inline MatrixView view(const double* data, int64_t row) { return {data, nullptr, row, 1}; }
inline MatrixView view(const float* data, int64_t row) { return {nullptr, data, row, 1}; }

// C [m, n] = C +- A [m, k] B [k, n].
struct ProductF64 {
  int64_t m, n, k;
  MatrixView a, b;
  double* c;
  int64_t c_row;
  bool subtract = false;
  // Only the blocks that hold an element on or below the diagonal are computed; those hold whole
  // rows and columns of C, so that elements above the diagonal may change too.
  bool lower = false;
};

void product_f64(const Work& work, const ProductF64& product);

// Copies the elements below the diagonal of C [n, n] to those above.
void mirror_lower(const Work& work, int64_t n, double* c);

// Calls body(begin, end) on slices of [0, total) of `grain` elements, on all lanes.
template <typename Body>
void for_slices(const Work& work, int64_t total, int64_t grain, const Body& body) {
  work.team.parallel_for((total + grain - 1) / grain, [&](int64_t i, int) {
    body(i * grain, (i + 1) * grain < total ? (i + 1) * grain : total);
  });
}

}  // namespace sinter
