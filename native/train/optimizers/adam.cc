// adam: Adam with coupled decay, as torch.optim.Adam (kernels/optimizer has the formula). The decay
// is part of the gradient, so it enters both moments.
#include <cmath>

#include "kernels/kernel_set.h"
#include "train/optimizers/optimizer.h"

namespace sinter {
namespace {

class Adam : public Optimizer {
 public:
  explicit Adam(const OptimizerSettings& settings) : settings_(settings) {}

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
    AdamWStep step = step_;
    step.lr *= settings.learning_rate_factor;
    step.decay = settings.weight_decay;
    active_kernels().optimizer.adam(step, span.count, span.values, span.grad, span.state[0],
                                    span.state[1]);
  }

  // Without decay both moments are still 0, so nothing changes.
  void rest(const WeightSettings& settings, const UpdateSpan& span) const override {
    if (settings.weight_decay > 0) update(settings, span);
  }

 private:
  OptimizerSettings settings_;
  AdamWStep step_ = {};
};

}  // namespace

std::unique_ptr<Optimizer> make_adam(const OptimizerSettings& settings) {
  return std::make_unique<Adam>(settings);
}

}  // namespace sinter
