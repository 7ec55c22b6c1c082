// focal (Lin et al. 2017) of a softmax: -w[label] (1 - p)^gamma log p, p = softmax(row)[label],
// averaged over the labelled rows. Weights do not enter the divisor. With gamma 0 it is the cross
// entropy.
#include "train/losses/parts.h"

namespace sinter {

double focal_loss(const LossCall& call) {
  const double gamma = call.term.settings.gamma;
  const std::vector<float>& weights = call.term.settings.class_weights;
  const int64_t width = call.width;
  const int32_t* labels = call.term.labels.data() + call.first_row;
  return sum_rows(call, static_cast<double>(call.count), [&](int64_t row, float* dx) {
    const int32_t label = labels[row];
    const float* x = call.x + row * width;
    if (label < 0) {
      for (int64_t c = 0; c < width; ++c) dx[c] = 0;
      return 0.0;
    }
    const double log_sum = log_sum_exp(x, width);
    const double log_p = x[label] - log_sum, p = exp_any(log_p);
    // 1 - p as the sum of the others, which keeps its digits where p is almost 1.
    double rest = 0;
    for (int64_t c = 0; c < width; ++c) rest += c == label ? 0 : exp_any(x[c] - log_sum);
    const double weight = weight_at(weights, label), power = power_of(rest, gamma);
    const double bend = power == 0 || gamma == 0 ? 0 : gamma * p * log_p / rest;
    const double slope = weight * power * (1 - bend);
    for (int64_t c = 0; c < width; ++c) {
      const double error = c == label ? -rest : exp_any(x[c] - log_sum);
      dx[c] = static_cast<float>(slope * error);
    }
    return -weight * power * log_p;
  });
}

}  // namespace sinter
