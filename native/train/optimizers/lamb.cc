// lamb: Adam whose step is scaled to the norm of each weight (You et al. 2020, algorithm 2).
#include <cmath>

#include "train/optimizers/moments.h"

namespace sinter {
namespace {

class Lamb : public Moments {
 public:
  using Moments::Moments;

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
};

}  // namespace

std::unique_ptr<Optimizer> make_lamb(const OptimizerSettings& settings) {
  return std::make_unique<Lamb>(settings);
}

}  // namespace sinter
