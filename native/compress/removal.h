// Optimal brain surgeon for groups of input columns (the removal step of ZipLM, Kurtic et al.
// 2023): one pass gives the order in which to remove them, the error of every count, and the
// weights for the counts asked for.
#pragma once

#include <cstdint>
#include <vector>

#include "compress/gram.h"

namespace sinter {

struct Removal {
  // W [outputs, width of the Gram], whose columns are removed.
  const double* weight = nullptr;
  int64_t outputs = 0;
  // Neighbouring inputs that are removed together; divides the number of inputs.
  int64_t group = 1;
  // Groups to remove, at most all of them.
  int64_t removals = 0;
  // Damping as a share of the mean diagonal of X^T X.
  double lambda = 0;
  // Counts of removed groups after which the weights are kept, in increasing order.
  std::vector<int64_t> counts;
};

struct Removed {
  // Groups in the order of their removal, and by how much ||X D||^2 + damping ||D||^2 grew each
  // time, D = W - W0.
  std::vector<int32_t> order;
  std::vector<double> scores;
  // ||X D||^2 after each removal.
  std::vector<double> errors;
  // Scores of all groups before the first removal.
  std::vector<double> first_scores;
  // W [outputs, width] for each of the counts; removed columns are 0.
  std::vector<std::vector<float>> weights;
};

// With H = X^T X + damping: removes the group M with the smallest tr(W_M inv(inv(H)_MM) W_M^T),
// then W -= W_M inv(inv(H)_MM) inv(H)_M: and inv(H) -= inv(H)_:M inv(inv(H)_MM) inv(H)_M:. Of equal
// scores the first group counts. INVALID_DATA for dependent inputs without damping.
Removed remove_groups(const Work& work, const Gram& gram, const Removal& removal);

}  // namespace sinter
