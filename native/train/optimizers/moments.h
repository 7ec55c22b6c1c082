// The base of the optimizers that keep the moments of Adam: two buffers, the corrections of their
// bias, and the settings of a step for one weight.
#pragma once

#include "kernels/kernel_set.h"
#include "train/optimizers/optimizer.h"

namespace sinter {

class Moments : public Optimizer {
 public:
  explicit Moments(const OptimizerSettings& settings) : settings_(settings) {}

  std::vector<std::string> buffers() const override { return {"exp_avg", "exp_avg_sq"}; }
  void begin_step(int64_t step, double learning_rate, double grad_scale) override;

 protected:
  // The settings of the running step for the weights of `settings`.
  AdamWStep step_of(const WeightSettings& settings) const;

 private:
  OptimizerSettings settings_;
  AdamWStep step_ = {};
};

}  // namespace sinter
