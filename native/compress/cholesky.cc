// Right-looking blocks: the block on the diagonal, the rows below it, then one product for the
// rest.
#include "compress/cholesky.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "compress/product.h"

namespace sinter {
namespace {

constexpr int64_t kBlock = 64;
// A pivot below this share of its diagonal element is rounding.
constexpr double kSmallest = 1e-14;
constexpr int64_t kStrip = 256;  // columns of B that a lane solves at once

// L21 of rows [begin, end) below the block [at, at + size).
void solve_rows(int64_t n, double* a, int64_t at, int64_t size, int64_t begin, int64_t end) {
  const auto dot = f64_kernels().dot;
  for (int64_t i = begin; i < end; ++i) {
    double* const row = a + i * n + at;
    for (int64_t j = 0; j < size; ++j) {
      const double* const l = a + (at + j) * n + at;
      row[j] = (row[j] - dot(j, row, l)) / l[j];
    }
  }
}

// Solves with the block of L at `at` for columns [begin, end) of B, forwards or (with its
// transpose) backwards.
void solve_block(const double* l, int64_t n, int64_t at, int64_t size, bool forwards, double* b,
                 int64_t m, int64_t begin, int64_t end) {
  const auto add = f64_kernels().add_scaled;
  for (int64_t step = 0; step < size; ++step) {
    const int64_t i = at + (forwards ? step : size - 1 - step);
    double* const row = b + i * m + begin;
    for (int64_t other = 0; other < step; ++other) {
      const int64_t j = at + (forwards ? other : size - 1 - other);
      add(end - begin, -(forwards ? l[i * n + j] : l[j * n + i]), b + j * m + begin, row);
    }
    const double pivot = l[i * n + i];
    for (int64_t c = 0; c < end - begin; ++c) row[c] /= pivot;
  }
}

}  // namespace

int64_t cholesky(const Work& work, int64_t n, double* a) {
  const auto dot = f64_kernels().dot;
  std::vector<double> diagonal(static_cast<size_t>(n));
  for (int64_t i = 0; i < n; ++i) diagonal[static_cast<size_t>(i)] = a[i * n + i];
  for (int64_t at = 0; at < n; at += kBlock) {
    const int64_t size = std::min(kBlock, n - at), next = at + size;
    for (int64_t i = at; i < next; ++i) {
      solve_rows(n, a, at, i - at, i, i + 1);
      double* const row = a + i * n + at;
      const double pivot = row[i - at] - dot(i - at, row, row);
      if (!(pivot > kSmallest * diagonal[static_cast<size_t>(i)])) return i;
      row[i - at] = std::sqrt(pivot);
    }
    for_slices(work, n - next, kBlock, [&](int64_t begin, int64_t end) {
      solve_rows(n, a, at, size, next + begin, next + end);
    });
    const MatrixView below = view(a + next * n + at, n);
    product_f64(work, {n - next, n - next, size, below, below.transposed(), a + next * n + next, n,
                       /*subtract=*/true, /*lower=*/true});
  }
  for (int64_t i = 0; i < n; ++i) std::fill(a + i * n + i + 1, a + (i + 1) * n, 0.0);
  return -1;
}

void solve_lower(const Work& work, int64_t n, const double* l, int64_t m, double* b) {
  for (int64_t at = 0; at < n; at += kBlock) {
    const int64_t size = std::min(kBlock, n - at), next = at + size;
    for_slices(work, m, kStrip, [&](int64_t begin, int64_t end) {
      solve_block(l, n, at, size, /*forwards=*/true, b, m, begin, end);
    });
    product_f64(work, {n - next, m, size, view(l + next * n + at, n), view(b + at * m, m),
                       b + next * m, m, /*subtract=*/true});
  }
}

void solve_cholesky(const Work& work, int64_t n, const double* l, int64_t m, double* b) {
  solve_lower(work, n, l, m, b);
  for (int64_t at = (n - 1) / kBlock * kBlock; at >= 0 && n > 0; at -= kBlock) {
    const int64_t size = std::min(kBlock, n - at);
    for_slices(work, m, kStrip, [&](int64_t begin, int64_t end) {
      solve_block(l, n, at, size, /*forwards=*/false, b, m, begin, end);
    });
    // Rows [0, at) of L^T at these columns are the transposed rows [at, at + size) of L.
    product_f64(work, {at, m, size, view(l + at * n, n).transposed(), view(b + at * m, m), b, m,
                       /*subtract=*/true});
  }
}

}  // namespace sinter
