// Left singular vectors of a matrix in f64, by one-sided Jacobi rotations: accurate also for small
// singular values. The rotations of a round work on disjoint rows, so the bits do not depend on the
// lanes.
#pragma once

#include <cstdint>
#include <vector>

#include "compress/work.h"

namespace sinter {

struct LeftSingular {
  // All min(m, n) singular values, largest first.
  std::vector<double> values;
  // U^T [rank, m]: unit vectors for the largest ones. A row is 0 where the singular value is 0 up
  // to rounding.
  std::vector<double> vectors;
};

// For A [m, n], row-major.
LeftSingular left_singular(const Work& work, int64_t m, int64_t n, const double* a, int64_t rank);

}  // namespace sinter
