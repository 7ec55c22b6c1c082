// The settings of a step, from those of the optimizer and those of a weight.
#include "train/optimizers/moments.h"

#include "ops/portable_math.h"

namespace sinter {

void Moments::begin_step(int64_t step, double learning_rate, double grad_scale) {
  step_.lr = learning_rate;
  step_.beta1 = settings_.beta1;
  step_.beta2 = settings_.beta2;
  step_.epsilon = settings_.epsilon;
  step_.correction1 = 1 - portable_power(settings_.beta1, step);
  step_.correction2 = 1 - portable_power(settings_.beta2, step);
  step_.grad_scale = grad_scale;
}

AdamWStep Moments::step_of(const WeightSettings& settings) const {
  AdamWStep step = step_;
  step.lr *= settings.learning_rate_factor;
  step.decay = settings.weight_decay;
  return step;
}

}  // namespace sinter
