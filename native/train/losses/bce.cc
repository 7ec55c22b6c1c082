// bce: binary cross entropy of sigmoid(x) against targets from 0 to 1, averaged over all elements.
//
// With weights per column an element has the loss
//   class_weights[c] (-pos_weights[c] t log sigmoid(x) - (1 - t) log sigmoid(-x)),
// and the divisor stays the number of elements, as in PyTorch.
#include "train/losses/parts.h"

namespace sinter {
namespace {

double weighted(const LossCall& call) {
  const std::vector<float>& weights = call.term.settings.class_weights;
  const std::vector<float>& positive = call.term.settings.pos_weights;
  return mean_elements(call, [&](double x, double target, int64_t column) {
    const double up = weight_at(positive, column) * target, down = 1 - target;
    const double weight = weight_at(weights, column);
    return ElementLoss{weight * (up * softplus(-x) + down * softplus(x)),
                       weight * (down * sigmoid_of(x) - up * sigmoid_of(-x))};
  });
}

}  // namespace

double bce_loss(const LossCall& call) {
  const LossSettings& settings = call.term.settings;
  if (!settings.class_weights.empty() || !settings.pos_weights.empty()) return weighted(call);
  return element_loss(call, call.run.kernels.loss.binary_cross_entropy);
}

}  // namespace sinter
