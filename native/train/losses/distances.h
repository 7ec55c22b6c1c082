// Distances between the rows of a call, with their gradients.
#pragma once

#include "train/losses/parts.h"

namespace sinter {

// The shift of torch's pairwise_distance, which the contrastive losses measure with.
inline constexpr double kPairShift = 1e-6;

// cosine is 1 - cos; manhattan is the sum of absolute differences. Where a distance has a kink, at
// equal rows or numbers, its gradient is 0.
class Distances {
 public:
  // `shift` is added to every difference of a Euclidean distance.
  explicit Distances(const LossCall& call, double shift = 0);

  double between(int64_t i, int64_t j) const;
  // Adds slope * the gradient of the distance to rows i and j; no other lane may use them.
  void add_gradient(int64_t i, int64_t j, double slope);
  // Writes dx of the call.
  void finish() { rows_.finish(); }

 private:
  double euclidean(const float* a, const float* b) const;

  const LossCall& call_;
  const double shift_;
  ComparedRows rows_;  // of length 1 for cosines
};

}  // namespace sinter
