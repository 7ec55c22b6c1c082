// soft_cross_entropy: -sum over classes of target * log softmax(row), averaged over the rows; the
// targets are probabilities. Label smoothing e replaces a target t by (1 - e) t + e / C.
#include "train/losses/parts.h"

namespace sinter {

double soft_cross_entropy_loss(const LossCall& call) {
  const int64_t width = call.width;
  const double smoothing = call.term.settings.label_smoothing;
  const double even = smoothing / static_cast<double>(width);
  const float* targets = call.term.values.data() + call.first_row * width;
  return sum_rows(call, static_cast<double>(call.count), [&](int64_t row, float* dx) {
    const float* x = call.x + row * width;
    const float* target = targets + row * width;
    const double log_sum = log_sum_exp(x, width);
    double loss = 0, all = 0;
    for (int64_t c = 0; c < width; ++c) all += (1 - smoothing) * target[c] + even;
    for (int64_t c = 0; c < width; ++c) {
      const double share = (1 - smoothing) * target[c] + even, log_p = x[c] - log_sum;
      loss -= share * log_p;
      dx[c] = static_cast<float>(all * exp_any(log_p) - share);
    }
    return loss;
  });
}

}  // namespace sinter
