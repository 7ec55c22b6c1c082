// kl_divergence (Hinton et al. 2015): the targets are a teacher's logits. With q = softmax(teacher
// / T) and r = softmax(row / T) a row has the loss T^2 * sum of q (log q - log r), averaged over
// the rows. The factor T^2 keeps the size of the gradients when T changes.
#include "train/losses/parts.h"

namespace sinter {

double kl_divergence_loss(const LossCall& call) {
  const int64_t width = call.width;
  const double temperature = call.term.settings.temperature, factor = 1 / temperature;
  const float* teachers = call.term.values.data() + call.first_row * width;
  return sum_rows(call, static_cast<double>(call.count), [&](int64_t row, float* dx) {
    const float* x = call.x + row * width;
    const float* teacher = teachers + row * width;
    const double own = log_sum_exp(x, width, factor), theirs = log_sum_exp(teacher, width, factor);
    double loss = 0;
    for (int64_t c = 0; c < width; ++c) {
      const double log_q = teacher[c] * factor - theirs, log_r = x[c] * factor - own;
      const double q = exp_any(log_q);
      loss += q * (log_q - log_r);
      dx[c] = static_cast<float>(temperature * (exp_any(log_r) - q));
    }
    return temperature * temperature * loss;
  });
}

}  // namespace sinter
