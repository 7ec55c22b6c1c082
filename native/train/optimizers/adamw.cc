// adamw: Adam with decoupled decay, as torch.optim.AdamW (kernels/optimizer has the formula).
#include <cmath>

#include "kernels/kernel_set.h"
#include "train/optimizers/optimizer.h"

namespace sinter {
namespace {

class AdamW : public Optimizer {
 public:
  explicit AdamW(const OptimizerSettings& settings) : settings_(settings) {}

  std::vector<std::string> buffers() const override { return {"exp_avg", "exp_avg_sq"}; }

  void begin_step(int64_t step, double learning_rate, double grad_scale) override {
    step_.lr = learning_rate;
    step_.beta1 = settings_.beta1;
    step_.beta2 = settings_.beta2;
    step_.epsilon = settings_.epsilon;
    step_.correction1 = 1 - std::pow(settings_.beta1, step);
    step_.correction2 = 1 - std::pow(settings_.beta2, step);
    step_.grad_scale = grad_scale;
  }

  void update(const WeightSettings& settings, const UpdateSpan& span) const override {
    active_kernels().optimizer.adamw(step_of(settings), span.count, span.values, span.grad,
                                     span.state[0], span.state[1]);
  }

  // Both moments are still 0, so only decay changes the values.
  void rest(const WeightSettings& settings, const UpdateSpan& span) const override {
    const AdamWStep step = step_of(settings);
    if (step.decay > 0)
      active_kernels().optimizer.scale(span.count, static_cast<float>(1 - step.lr * step.decay),
                                       span.values);
  }

 private:
  AdamWStep step_of(const WeightSettings& settings) const {
    AdamWStep step = step_;
    step.lr *= settings.learning_rate_factor;
    step.decay = settings.weight_decay;
    return step;
  }

  OptimizerSettings settings_;
  AdamWStep step_ = {};
};

}  // namespace

std::unique_ptr<Optimizer> make_adamw(const OptimizerSettings& settings) {
  return std::make_unique<AdamW>(settings);
}

}  // namespace sinter
