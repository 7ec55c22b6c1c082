// An optimizer: the rule that turns gradients into changes of the weights, and the state buffers
// that it keeps, each as large as the weight and 0 at the start.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace sinter {

// The settings of all optimizers; each reads its own.
struct OptimizerSettings {
  std::string name;
  double beta1 = 0.9, beta2 = 0.999;  // all but sgd
  double epsilon = 1e-8;              // adam, adamw, lamb
  double momentum = 0;                // sgd
  bool nesterov = false;
};

// Settings that may differ between the weights of a program.
struct WeightSettings {
  double learning_rate_factor = 1;
  double weight_decay = 0;
  bool trust_ratio = true;  // lamb: scales the update to the norm of the weight
};

// Sums of squares over a weight: of its values, and of its update before the learning rate.
struct Squares {
  double values = 0, update = 0;
};

// The elements of one update call.
struct UpdateSpan {
  int64_t count = 0;
  float* values = nullptr;
  const float* grad = nullptr;
  float* state[2] = {};  // one for each of buffers()
  double ratio = 1;      // of the weight, from ratio()
};

class Optimizer {
 public:
  virtual ~Optimizer() = default;

  // At most two.
  virtual std::vector<std::string> buffers() const = 0;
  // Call it before the updates of step `step`, which counts from 1. Gradients are multiplied by
  // `grad_scale` first.
  virtual void begin_step(int64_t step, double learning_rate, double grad_scale) = 0;
  // Updates the elements of a span. Lanes may update disjoint spans at the same time.
  virtual void update(const WeightSettings& settings, const UpdateSpan& span) const = 0;
  // The same result as update() with less work, for a span whose gradients have been 0 in every
  // step.
  virtual void rest(const WeightSettings& settings, const UpdateSpan& span) const = 0;

  // Whether an update depends on norms of its whole weight. Then measure() goes over all elements
  // of a weight before update() does, and rest() is not called.
  virtual bool measures() const { return false; }
  // Updates the state of a span and returns its squares. Lanes may measure disjoint spans at the
  // same time.
  virtual Squares measure(const WeightSettings&, const UpdateSpan&) const { return {}; }
  // The factor on the learning rate of a weight, from the squares of all of its spans.
  virtual double ratio(const WeightSettings&, const Squares&) const { return 1; }
};

// Makes the optimizer of `settings.name`; Error(INTERNAL) for an unknown name.
std::unique_ptr<Optimizer> make_optimizer(const OptimizerSettings& settings);
std::vector<std::string> optimizer_names();

#define SINTER_OPTIMIZER(name) \
  std::unique_ptr<Optimizer> make_##name(const OptimizerSettings& settings);
#include "train/optimizers.inc"
#undef SINTER_OPTIMIZER

}  // namespace sinter
