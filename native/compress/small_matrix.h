// Matrices of a few rows, such as the block of one group of columns: by plain loops, on one lane.
#pragma once

#include <cstdint>

namespace sinter {

// Replaces the lower triangle of the symmetric A [g, g] by its Cholesky factor; false if rounding
// has made A indefinite.
bool small_cholesky(int64_t g, double* a);

// tr(inv(A) S) of a symmetric S [g, g], where A = L L^T. S is overwritten.
double trace_of_quotient(int64_t g, const double* l, double* s);

}  // namespace sinter
