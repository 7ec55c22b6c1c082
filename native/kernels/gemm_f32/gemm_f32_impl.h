// The f32 GEMM of the vector ISAs: packing, the copy of A and the epilogue around tile_driver.h. T
// is the arithmetic of the ISA, V its 16 virtual lanes. Include it after base/simd/<isa>.h.
#pragma once

#include "kernels/gemm_f32/gemm_f32.h"
#include "kernels/gemm_f32/tile_activation.h"
#include "kernels/gemm_f32/tile_driver.h"
#if defined(__aarch64__)
#include "kernels/gemm_f32/transpose_neon.h"
#else
#include "kernels/gemm_f32/transpose_avx2.h"
#endif

namespace sinter {
namespace {

void pack_panels(int64_t k, int64_t n, const float* b, int64_t b_row, int64_t b_col,
                 float* packed) {
  for (int64_t j = 0; j < n; j += kGemmPanel, packed += k * kGemmPanel, b += kGemmPanel * b_col) {
    const int64_t columns = smaller(kGemmPanel, n - j);
    if (columns == kGemmPanel && b_row == 1) {
      transpose(k, columns, b, b_col, packed, kGemmPanel);
    } else if (columns == kGemmPanel && b_col == 1) {
      copy_columns(k, columns, b, b_row, packed, kGemmPanel);
    } else {
      for (int64_t p = 0; p < k; ++p) {
        for (int64_t l = 0; l < kGemmPanel; ++l) {
          packed[p * kGemmPanel + l] = l < columns ? b[p * b_row + l * b_col] : 0.0f;
        }
      }
    }
  }
}

void unpack_panels(int64_t k, int64_t n, const float* packed, int64_t b_row, int64_t b_col,
                   float* b) {
  for (int64_t j = 0; j < n; j += kGemmPanel, packed += k * kGemmPanel, b += kGemmPanel * b_col) {
    const int64_t columns = smaller(kGemmPanel, n - j);
    if (b_row == 1) {
      transpose(columns, k, packed, kGemmPanel, b, b_col);
    } else if (b_col == 1) {
      copy_columns(k, columns, packed, kGemmPanel, b, b_row);
    } else {
      for (int64_t p = 0; p < k; ++p) {
        for (int64_t l = 0; l < columns; ++l) b[p * b_row + l * b_col] = packed[p * kGemmPanel + l];
      }
    }
  }
}

// Copies a tile of A, of any strides, to rows of kTileRow floats.
struct FloatSource {
  const float* a;
  int64_t a_row, a_col;

  void copy(int64_t i, int64_t rows, int64_t k, int64_t words, float* to) const {
    const float* from = a + i * a_row + k * a_col;
    if (a_col == 1) return copy_columns(rows, words, from, a_row, to, kTileRow);
    if (a_row == 1) return transpose(rows, words, from, a_col, to, kTileRow);
    for (int64_t r = 0; r < rows; ++r) {
      for (int64_t w = 0; w < words; ++w) to[r * kTileRow + w] = from[r * a_row + w * a_col];
    }
  }
};

template <class V>
struct FloatEpilogue {
  const float* bias;
  Activation activation;

  bool has_linear() const { return bias != nullptr; }
  SINTER_SIMD V column(int64_t j, int64_t columns) const { return V::load_n(bias + j, columns); }
  SINTER_SIMD V linear(V column, int64_t, V sum) const { return sum + column; }
  void activate_tile(int64_t rows, int64_t columns, float* c, int64_t c_row) const {
    activate_rows<V>(activation, rows, columns, c, c_row);
  }
};

template <class T, class V>
void run_gemm(const GemmF32Args& args) {
  const TileProblem problem = {
      args.m, args.n,     args.k,         reinterpret_cast<const char*>(args.b), args.k * T::kStep,
      args.c, args.c_row, args.accumulate};
  const FloatSource source = {args.a, args.a_row, args.a_col};
  const FloatEpilogue<V> epilogue = {args.accumulate ? nullptr : args.bias,
                                     args.accumulate ? Activation::none : args.activation};
  run_tiles<T>(problem, source, epilogue);
}

}  // namespace
}  // namespace sinter
