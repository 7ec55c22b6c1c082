// Functions that several losses share. Rows are split among the lanes; their losses are summed in
// order, in double, so the number of lanes changes no bit.
#pragma once

#include <vector>

#include "train/losses/loss.h"

namespace sinter {

// The factor of the gradient of a loss that is divided by `count`.
inline float gradient_share(double weight, int64_t count) {
  return count == 0 ? 0.0f : static_cast<float>(weight) / static_cast<float>(count);
}

inline double loss_mean(const std::vector<float>& losses, int64_t count) {
  double sum = 0;
  for (float one : losses) sum += one;
  return count == 0 ? 0 : sum / static_cast<double>(count);
}

inline double mean_of(const std::vector<double>& losses) {
  double sum = 0;
  for (double one : losses) sum += one;
  return losses.empty() ? 0 : sum / static_cast<double>(losses.size());
}

// In double, in increasing order.
inline double dot_product(const float* a, const float* b, int64_t width) {
  double sum = 0;
  for (int64_t k = 0; k < width; ++k) sum += static_cast<double>(a[k]) * b[k];
  return sum;
}

// A loss of independent elements, computed by `kernel`.
using ElementKernel = decltype(LossKernels::squared_error);
double element_loss(const LossCall& call, ElementKernel kernel);

// The rows of a call divided by their lengths; the products of such rows are cosines.
class UnitRows {
 public:
  explicit UnitRows(const LossCall& call);

  const float* row(int64_t index) const { return values_.data() + index * call_.width; }
  // The gradient of a unit row; undefined until the caller writes it.
  float* grad(int64_t index) { return grads_.data() + index * call_.width; }
  // Writes dx of the call from the gradients of the unit rows.
  void finish();

 private:
  const LossCall& call_;
  AlignedBuffer<float> values_, grads_;
};

}  // namespace sinter
