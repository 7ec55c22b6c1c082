// adam: Adam with coupled decay, as torch.optim.Adam (kernels/optimizer has the formula). The decay
// is part of the gradient, so it enters both moments.
#include "train/optimizers/moments.h"

namespace sinter {
namespace {

class Adam : public Moments {
 public:
  using Moments::Moments;

  void update(const WeightSettings& settings, const UpdateSpan& span) const override {
    active_kernels().optimizer.adam(step_of(settings), span.count, span.values, span.grad,
                                    span.state[0], span.state[1]);
  }

  // Without decay both moments are still 0, so nothing changes.
  void rest(const WeightSettings& settings, const UpdateSpan& span) const override {
    if (settings.weight_decay > 0) update(settings, span);
  }
};

}  // namespace

std::unique_ptr<Optimizer> make_adam(const OptimizerSettings& settings) {
  return std::make_unique<Adam>(settings);
}

}  // namespace sinter
