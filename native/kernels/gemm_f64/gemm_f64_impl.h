// The f64 kernels on any arithmetic T of an ISA: T::Reg holds T::kLanes doubles, and T::kRows x
// T::kRegs registers hold the sums of a tile. Include it only from the files of the ISA levels.
#pragma once

#include "kernels/gemm_f64/gemm_f64.h"

namespace sinter {
namespace {

// Rows [row, row + kRows) and registers [reg, reg + kRegs) of an 8 x 16 tile whose C is dense
// enough to be read whole.
template <class T>
inline void run_part(int64_t k, const double* a, const double* b, double* c, int64_t c_row,
                     bool subtract) {
  typename T::Reg sum[T::kRows][T::kRegs];
#pragma GCC unroll 8
  for (int r = 0; r < T::kRows; ++r) {
#pragma GCC unroll 8
    for (int g = 0; g < T::kRegs; ++g) sum[r][g] = T::load(c + r * c_row + g * T::kLanes);
  }
  const double sign = subtract ? -1.0 : 1.0;
  const typename T::Reg flip = T::broadcast(&sign);
  for (int64_t p = 0; p < k; ++p, a += kF64RowPanel, b += kF64ColumnPanel) {
    typename T::Reg x[T::kRegs];
    // A product with -1 or 1 is exact.
#pragma GCC unroll 8
    for (int g = 0; g < T::kRegs; ++g) x[g] = T::mul(flip, T::load(b + g * T::kLanes));
#pragma GCC unroll 8
    for (int r = 0; r < T::kRows; ++r) {
      const typename T::Reg y = T::broadcast(a + r);
#pragma GCC unroll 8
      for (int g = 0; g < T::kRegs; ++g) sum[r][g] = T::mul_add(sum[r][g], y, x[g]);
    }
  }
#pragma GCC unroll 8
  for (int r = 0; r < T::kRows; ++r) {
#pragma GCC unroll 8
    for (int g = 0; g < T::kRegs; ++g) T::store(c + r * c_row + g * T::kLanes, sum[r][g]);
  }
}

template <class T>
inline void run_tile(int64_t k, const double* a, const double* b, double* c, int64_t c_row,
                     bool subtract) {
  constexpr int64_t kColumns = T::kRegs * T::kLanes;
  for (int64_t row = 0; row < kF64RowPanel; row += T::kRows) {
    for (int64_t column = 0; column < kF64ColumnPanel; column += kColumns) {
      run_part<T>(k, a + row, b + column, c + row * c_row + column, c_row, subtract);
    }
  }
}

template <class T>
void run_gemm_f64(const GemmF64Args& args) {
  alignas(64) double edge[kF64RowPanel * kF64ColumnPanel];
  for (int64_t j = 0; j < args.n; j += kF64ColumnPanel) {
    const int64_t columns = args.n - j < kF64ColumnPanel ? args.n - j : kF64ColumnPanel;
    for (int64_t i = 0; i < args.m; i += kF64RowPanel) {
      const int64_t rows = args.m - i < kF64RowPanel ? args.m - i : kF64RowPanel;
      const double* const a = args.a + i * args.k;
      const double* const b = args.b + j * args.k;
      double* const c = args.c + i * args.c_row + j;
      if (rows == kF64RowPanel && columns == kF64ColumnPanel) {
        run_tile<T>(args.k, a, b, c, args.c_row, args.subtract);
        continue;
      }
      for (int64_t w = 0; w < kF64RowPanel * kF64ColumnPanel; ++w) {
        const int64_t r = w / kF64ColumnPanel, l = w % kF64ColumnPanel;
        edge[w] = r < rows && l < columns ? c[r * args.c_row + l] : 0.0;
      }
      run_tile<T>(args.k, a, b, edge, kF64ColumnPanel, args.subtract);
      for (int64_t r = 0; r < rows; ++r) {
        for (int64_t l = 0; l < columns; ++l) c[r * args.c_row + l] = edge[r * kF64ColumnPanel + l];
      }
    }
  }
}

// The tree of dot: lanes (i, i + 8), then (i, i + 4), (i, i + 2), (i, i + 1).
inline double sum_of_16(double* lanes) {
  for (int half = 8; half > 0; half /= 2) {
    for (int i = 0; i < half; ++i) lanes[i] += lanes[i + half];
  }
  return lanes[0];
}

template <class T>
double dot_f64(int64_t n, const double* x, const double* y) {
  constexpr int kCount = 16 / T::kLanes;
  typename T::Reg sum[kCount];
#pragma GCC unroll 16
  for (int g = 0; g < kCount; ++g) sum[g] = T::zero();
  int64_t i = 0;
  for (; i + 16 <= n; i += 16) {
#pragma GCC unroll 16
    for (int g = 0; g < kCount; ++g) {
      sum[g] = T::mul_add(sum[g], T::load(x + i + g * T::kLanes), T::load(y + i + g * T::kLanes));
    }
  }
  alignas(64) double lanes[16];
#pragma GCC unroll 16
  for (int g = 0; g < kCount; ++g) T::store(lanes + g * T::kLanes, sum[g]);
  for (int64_t l = 0; i + l < n; ++l) lanes[l] = __builtin_fma(x[i + l], y[i + l], lanes[l]);
  return sum_of_16(lanes);
}

template <class T>
void add_scaled_f64(int64_t n, double factor, const double* x, double* y) {
  const typename T::Reg f = T::broadcast(&factor);
  int64_t i = 0;
  for (; i + T::kLanes <= n; i += T::kLanes) {
    T::store(y + i, T::mul_add(T::load(y + i), f, T::load(x + i)));
  }
  for (; i < n; ++i) y[i] = __builtin_fma(factor, x[i], y[i]);
}

template <class T>
void rotate_f64(int64_t n, double cosine, double sine, double* x, double* y) {
  const double minus = -sine;
  const typename T::Reg c = T::broadcast(&cosine), s = T::broadcast(&sine),
                        m = T::broadcast(&minus);
  int64_t i = 0;
  for (; i + T::kLanes <= n; i += T::kLanes) {
    const typename T::Reg a = T::load(x + i), b = T::load(y + i);
    T::store(x + i, T::mul_add(T::mul(m, b), c, a));
    T::store(y + i, T::mul_add(T::mul(c, b), s, a));
  }
  for (; i < n; ++i) {
    const double a = x[i], b = y[i];
    x[i] = __builtin_fma(cosine, a, minus * b);
    y[i] = __builtin_fma(sine, a, cosine * b);
  }
}

template <class T>
constexpr GemmF64Kernels make_gemm_f64() {
  return {run_gemm_f64<T>, dot_f64<T>, add_scaled_f64<T>, rotate_f64<T>};
}

}  // namespace
}  // namespace sinter
