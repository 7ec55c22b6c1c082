// A few rows fit no blocks, and a lane works on each group.
#include "compress/small_matrix.h"

#include <cmath>
#include <utility>

namespace sinter {

bool small_cholesky(int64_t g, double* a) {
  for (int64_t j = 0; j < g; ++j) {
    for (int64_t i = j; i < g; ++i) {
      double sum = a[i * g + j];
      for (int64_t p = 0; p < j; ++p) sum -= a[i * g + p] * a[j * g + p];
      if (i == j && !(sum > 0)) return false;
      a[i * g + j] = i == j ? std::sqrt(sum) : sum / a[j * g + j];
    }
  }
  return true;
}

double trace_of_quotient(int64_t g, const double* l, double* s) {
  // The trace is that of inv(L) S inv(L)^T: a product by inv(L) and a transposition, twice.
  for (int pass = 0; pass < 2; ++pass) {
    for (int64_t i = 0; i < g; ++i) {
      for (int64_t p = 0; p < i; ++p) {
        for (int64_t j = 0; j < g; ++j) s[i * g + j] -= l[i * g + p] * s[p * g + j];
      }
      for (int64_t j = 0; j < g; ++j) s[i * g + j] /= l[i * g + i];
    }
    for (int64_t i = 0; i < g; ++i) {
      for (int64_t j = 0; j < i; ++j) std::swap(s[i * g + j], s[j * g + i]);
    }
  }
  double trace = 0;
  for (int64_t i = 0; i < g; ++i) trace += s[i * g + i];
  return trace;
}

}  // namespace sinter
