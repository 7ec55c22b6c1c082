// Cholesky's decomposition of a symmetric positive definite matrix in f64, and what is solved with
// it. Blocked; the bits do not depend on the lanes.
#pragma once

#include <cstdint>

#include "compress/work.h"

namespace sinter {

// Replaces the lower triangle of A [n, n] by L with A = L L^T, and what is above it by zeros.
// Returns -1, or the first column that depends on those before it up to rounding; then A is
// undefined.
int64_t cholesky(const Work& work, int64_t n, double* a);

// Replaces B [n, m] by the solution X of L L^T X = B.
void solve_cholesky(const Work& work, int64_t n, const double* l, int64_t m, double* b);

// Replaces B [n, m] by the solution X of L X = B.
void solve_lower(const Work& work, int64_t n, const double* l, int64_t m, double* b);

}  // namespace sinter
