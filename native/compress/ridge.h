// Least squares with damping towards given weights, from the sums of a Gram.
#pragma once

#include <cstdint>
#include <vector>

#include "compress/gram.h"

namespace sinter {

struct Ridge {
  // Damping as a share of the mean diagonal of X^T X, or of each input's own element of it.
  double lambda = 0;
  bool own_scale = false;
  // W0 [outputs, width]; nullptr: zeros.
  const double* prior = nullptr;
  // Indices of the inputs that are kept, in increasing order. The others are as if they were 0.
  std::vector<int64_t> kept;
};

// W [outputs, kept (+ 1 with an intercept)], which minimises ||X W^T - Y||^2 + lambda mean(diag)
// ||W - W0||^2, the intercept damped like the inputs; with `own_scale` column j has diag[j] in
// place of the mean. An input that is 0 in all rows keeps its prior weight. INVALID_DATA for
// dependent inputs without damping.
std::vector<double> solve_ridge(const Work& work, const Gram& gram, const Ridge& ridge);

}  // namespace sinter
