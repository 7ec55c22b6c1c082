// adamw: Adam with decoupled decay, as torch.optim.AdamW (kernels/optimizer has the formula).
#include "train/optimizers/moments.h"

namespace sinter {
namespace {

class AdamW : public Moments {
 public:
  using Moments::Moments;

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
};

}  // namespace

std::unique_ptr<Optimizer> make_adamw(const OptimizerSettings& settings) {
  return std::make_unique<AdamW>(settings);
}

}  // namespace sinter
