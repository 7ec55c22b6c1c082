// sgd: gradient descent with momentum and coupled decay, as torch.optim.SGD with dampening 0. The
// decay is part of the gradient, so it enters the momentum too.
#include "kernels/kernel_set.h"
#include "train/optimizers/optimizer.h"

namespace sinter {
namespace {

class Sgd : public Optimizer {
 public:
  explicit Sgd(const OptimizerSettings& settings) : settings_(settings) {}

  std::vector<std::string> buffers() const override {
    if (settings_.momentum == 0) return {};
    return {"momentum_buffer"};
  }

  void begin_step(int64_t, double learning_rate, double grad_scale) override {
    step_ = {learning_rate, settings_.momentum, 0, grad_scale, settings_.nesterov};
  }

  void update(const WeightSettings& settings, const UpdateSpan& span) const override {
    SgdStep step = step_;
    step.lr *= settings.learning_rate_factor;
    step.decay = settings.weight_decay;
    active_kernels().optimizer.sgd(step, span.count, span.values, span.grad, span.state[0]);
  }

  // Without decay the momentum is still 0, so nothing changes.
  void rest(const WeightSettings& settings, const UpdateSpan& span) const override {
    if (settings.weight_decay > 0) update(settings, span);
  }

 private:
  OptimizerSettings settings_;
  SgdStep step_ = {};
};

}  // namespace

std::unique_ptr<Optimizer> make_sgd(const OptimizerSettings& settings) {
  return std::make_unique<Sgd>(settings);
}

}  // namespace sinter
