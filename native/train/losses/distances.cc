// The three distances. Sums are in double, in increasing order.
#include "train/losses/distances.h"

#include <algorithm>
#include <cmath>

namespace sinter {

Distances::Distances(const LossCall& call, double shift)
    : call_(call), shift_(shift), rows_(call, call.term.distance == Distance::cosine) {
  std::fill_n(rows_.grad(0), call.rows * call.width, 0.0f);
}

double Distances::euclidean(const float* a, const float* b) const {
  double sum = 0;
  for (int64_t k = 0; k < call_.width; ++k) {
    const double apart = static_cast<double>(a[k]) - b[k] + shift_;
    sum += apart * apart;
  }
  return std::sqrt(sum);
}

double Distances::between(int64_t i, int64_t j) const {
  const float* a = rows_.row(i);
  const float* b = rows_.row(j);
  if (call_.term.distance == Distance::cosine) return 1 - dot_product(a, b, call_.width);
  if (call_.term.distance == Distance::euclidean) return euclidean(a, b);
  double sum = 0;
  for (int64_t k = 0; k < call_.width; ++k) sum += std::fabs(static_cast<double>(a[k]) - b[k]);
  return sum;
}

void Distances::add_gradient(int64_t i, int64_t j, double slope) {
  const float* a = rows_.row(i);
  const float* b = rows_.row(j);
  float* da = rows_.grad(i);
  float* db = rows_.grad(j);
  if (call_.term.distance == Distance::cosine) {
    const float down = static_cast<float>(-slope);
    for (int64_t k = 0; k < call_.width; ++k) {
      da[k] += down * b[k];
      db[k] += down * a[k];
    }
    return;
  }
  const bool squared = call_.term.distance == Distance::euclidean;
  const double length = squared ? euclidean(a, b) : 1;
  if (length == 0) return;
  for (int64_t k = 0; k < call_.width; ++k) {
    const double apart = static_cast<double>(a[k]) - b[k];
    const double sign = apart > 0 ? 1 : apart < 0 ? -1 : 0;
    const float step = static_cast<float>(slope * (squared ? (apart + shift_) / length : sign));
    da[k] += step;
    db[k] -= step;
  }
}

}  // namespace sinter
