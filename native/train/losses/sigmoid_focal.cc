// sigmoid_focal (Lin et al. 2017): per element with s = sigmoid(x) and target t
//   -a t (1 - s)^gamma log s - (1 - a) (1 - t) s^gamma log(1 - s),
// averaged over all elements. Without alpha both factors a and 1 - a are 1.
#include "train/losses/parts.h"

namespace sinter {
namespace {

// -(1 - s)^gamma log s and its derivative by x.
ElementLoss for_one(double x, double gamma) {
  const double log_s = -softplus(-x), s = sigmoid_of(x), rest = sigmoid_of(-x);
  const double power = power_of(rest, gamma);
  return {-power * log_s, power * (gamma * s * log_s - rest)};
}

}  // namespace

double sigmoid_focal_loss(const LossCall& call) {
  const LossSettings& settings = call.term.settings;
  const double gamma = settings.gamma;
  const double ones = settings.alpha < 0 ? 1 : settings.alpha;
  const double zeros = settings.alpha < 0 ? 1 : 1 - settings.alpha;
  return mean_elements(call, [=](double x, double target, int64_t) {
    const ElementLoss one = for_one(x, gamma), zero = for_one(-x, gamma);
    const double up = ones * target, down = zeros * (1 - target);
    return ElementLoss{up * one.loss + down * zero.loss, up * one.slope - down * zero.slope};
  });
}

}  // namespace sinter
