// lamb: Adam whose step is scaled to the norm of each weight (You et al. 2020, algorithm 2).
#include <cmath>

#include "kernels/kernel_set.h"
#include "train/optimizers/optimizer.h"

namespace sinter {
namespace {

class Lamb : public Optimizer {
 public:
  explicit Lamb(const OptimizerSettings& settings) : settings_(settings) {}

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

  bool measures() const override { return true; }

  Squares measure(const WeightSettings& settings, const UpdateSpan& span) const override {
    const LambSquares squares = active_kernels().optimizer.lamb_moments(
        step_of(settings), span.count, span.values, span.grad, span.state[0], span.state[1]);
    return {squares.values, squares.update};
  }

  double ratio(const WeightSettings& settings, const Squares& squares) const override {
    if (!settings.trust_ratio || squares.values == 0 || squares.update == 0) return 1;
    return std::sqrt(squares.values) / std::sqrt(squares.update);
  }

  void update(const WeightSettings& settings, const UpdateSpan& span) const override {
    active_kernels().optimizer.lamb_apply(step_of(settings), span.ratio, span.count, span.values,
                                          span.state[0], span.state[1]);
  }

  void rest(const WeightSettings& settings, const UpdateSpan& span) const override {
    update(settings, span);
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

std::unique_ptr<Optimizer> make_lamb(const OptimizerSettings& settings) {
  return std::make_unique<Lamb>(settings);
}

}  // namespace sinter
