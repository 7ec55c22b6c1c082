// mae: absolute error, averaged over all elements. Its derivative at 0 is 0.
#include "train/losses/parts.h"

namespace sinter {

double mae_loss(const LossCall& call) {
  return mean_elements(call, [](double x, double target, int64_t) {
    const double error = x - target;
    if (error == 0) return ElementLoss{0, 0};
    return error < 0 ? ElementLoss{-error, -1} : ElementLoss{error, error == error ? 1 : error};
  });
}

}  // namespace sinter
