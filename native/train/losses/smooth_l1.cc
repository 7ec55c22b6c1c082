// smooth_l1: error^2 / (2 beta) below an absolute error of beta, |error| - beta / 2 from there,
// averaged over all elements.
#include "train/losses/parts.h"

namespace sinter {

double smooth_l1_loss(const LossCall& call) {
  const double beta = call.term.settings.beta;
  return mean_elements(call, [=](double x, double target, int64_t) {
    const double error = x - target;
    if (error >= beta) return ElementLoss{error - beta / 2, 1};
    if (error <= -beta) return ElementLoss{-error - beta / 2, -1};
    return ElementLoss{error * error / (2 * beta), error / beta};
  });
}

}  // namespace sinter
