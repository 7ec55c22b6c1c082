// huber: error^2 / 2 up to an absolute error of delta, delta (|error| - delta / 2) beyond, averaged
// over all elements. It is delta times smooth_l1.
#include "train/losses/parts.h"

namespace sinter {

double huber_loss(const LossCall& call) {
  const double delta = call.term.settings.delta;
  return mean_elements(call, [=](double x, double target, int64_t) {
    const double error = x - target;
    if (error > delta) return ElementLoss{delta * (error - delta / 2), delta};
    if (error < -delta) return ElementLoss{delta * (-error - delta / 2), -delta};
    return ElementLoss{error * error / 2, error};
  });
}

}  // namespace sinter
