// cross_entropy: -log softmax(row)[label], averaged over the labelled rows.
//
// With class weights w and label smoothing e, as in PyTorch, a row has the loss
//   -(1 - e) w[label] log p[label] - e / C * sum over classes c of w[c] log p[c],
// and the divisor is the sum of w[label] over the labelled rows of the whole batch.
#include "train/losses/parts.h"

namespace sinter {
namespace {

double weighted(const LossCall& call) {
  const double smoothing = call.term.settings.label_smoothing;
  const std::vector<float>& weights = call.term.settings.class_weights;
  const int64_t width = call.width;
  const double even = smoothing / static_cast<double>(width);
  double divisor = 0, all = 0;
  for (const int32_t label : call.term.labels) divisor += label < 0 ? 0 : weight_at(weights, label);
  for (int64_t c = 0; c < width; ++c) all += weight_at(weights, c);
  const int32_t* labels = call.term.labels.data() + call.first_row;
  return sum_rows(call, divisor, [&](int64_t row, float* dx) {
    const int32_t label = labels[row];
    const float* x = call.x + row * width;
    const double own = label < 0 ? 0 : (1 - smoothing) * weight_at(weights, label);
    const double log_sum = label < 0 ? 0 : log_sum_exp(x, width);
    double loss = 0;
    for (int64_t c = 0; c < width; ++c) {
      if (label < 0) {
        dx[c] = 0;
        continue;
      }
      const double log_p = x[c] - log_sum;
      const double share = even * weight_at(weights, c) + (c == label ? own : 0);
      loss -= share * log_p;
      dx[c] = static_cast<float>((own + even * all) * exp_any(log_p) - share);
    }
    return loss;
  });
}

}  // namespace

double cross_entropy_loss(const LossCall& call) {
  const LossSettings& settings = call.term.settings;
  if (settings.label_smoothing > 0 || !settings.class_weights.empty()) return weighted(call);
  const int64_t width = call.width;
  std::vector<float> losses(static_cast<size_t>(call.rows));
  const int32_t* labels = call.term.labels.data() + call.first_row;
  const float factor = gradient_share(call.term.weight, call.count);
  call.run.parallel_ranges(call.rows, 1, 4 * width, [&](int64_t begin, int64_t end, int) {
    call.run.kernels.softmax.cross_entropy(end - begin, width, call.x + begin * width,
                                           labels + begin, factor, losses.data() + begin,
                                           call.dx + begin * width);
  });
  return loss_mean(losses, call.count);
}

}  // namespace sinter
