// The best approximation of a product's weight by two narrow ones.
#pragma once

#include <cstdint>
#include <vector>

#include "compress/gram.h"

namespace sinter {

struct LowRank {
  // W [outputs, inputs].
  const double* weight = nullptr;
  int64_t outputs = 0, inputs = 0, rank = 0;
  // What counts of an error: its size after W is multiplied by this diagonal [inputs], or by L with
  // L L^T = X^T X + lambda mean(diag). Both nullptr: the error of W itself.
  const double* scale = nullptr;
  const Gram* gram = nullptr;
  double lambda = 0;
};

struct LowRankFactors {
  // W is close to B A: A [rank, inputs], B [outputs, rank]. Row r of A and column r of B have the
  // same norm. The first r of them are the best approximation of rank r.
  std::vector<float> a, b;
  // All of them, of the weighted W: the square of the weighted error of rank r is the sum of their
  // squares from r on.
  std::vector<double> singular_values;
};

// INVALID_DATA for dependent inputs without damping.
LowRankFactors low_rank_factors(const Work& work, const LowRank& problem);

}  // namespace sinter
