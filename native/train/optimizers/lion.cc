// lion: steps of one size in the direction of a sign (Chen et al. 2023, algorithm 2).
#include "kernels/kernel_set.h"
#include "train/optimizers/optimizer.h"

namespace sinter {
namespace {

class Lion : public Optimizer {
 public:
  explicit Lion(const OptimizerSettings& settings) : settings_(settings) {}

  std::vector<std::string> buffers() const override { return {"exp_avg"}; }

  void begin_step(int64_t, double learning_rate, double grad_scale) override {
    step_ = {learning_rate, settings_.beta1, settings_.beta2, 0, grad_scale};
  }

  void update(const WeightSettings& settings, const UpdateSpan& span) const override {
    active_kernels().optimizer.lion(step_of(settings), span.count, span.values, span.grad,
                                    span.state[0]);
  }

  // The mean is still 0, and the sign of 0 is 0, so only decay changes the values.
  void rest(const WeightSettings& settings, const UpdateSpan& span) const override {
    const LionStep step = step_of(settings);
    if (step.decay > 0)
      active_kernels().optimizer.scale(span.count, static_cast<float>(1 - step.lr * step.decay),
                                       span.values);
  }

 private:
  LionStep step_of(const WeightSettings& settings) const {
    LionStep step = step_;
    step.lr *= settings.learning_rate_factor;
    step.decay = settings.weight_decay;
    return step;
  }

  OptimizerSettings settings_;
  LionStep step_ = {};
};

}  // namespace

std::unique_ptr<Optimizer> make_lion(const OptimizerSettings& settings) {
  return std::make_unique<Lion>(settings);
}

}  // namespace sinter
