// span_kl_divergence: the targets are a teacher's logits over the tokens. Each column of a text is
// a softmax over its tokens, as in span; with q = softmax(teacher / T) and r = softmax(column / T)
// it has the loss T^2 * sum of q (log q - log r), averaged over the columns and the texts.
#include "train/losses/parts.h"

namespace sinter {

double span_kl_divergence_loss(const LossCall& call) {
  Run& run = call.run;
  const Batch& batch = run.batch;
  const int64_t width = call.width;
  const double temperature = call.term.settings.temperature, factor = 1 / temperature;
  const double divisor = static_cast<double>(call.count) * static_cast<double>(width);
  const double slope = call.term.weight * temperature / divisor;
  const float* teachers = call.term.values.data() + call.first_row * width;
  std::vector<double> losses(static_cast<size_t>(batch.sequences));
  run.parallel(batch.sequences, 16 * call.rows * width, [&](int64_t s, int lane) {
    const int64_t first = batch.offsets[s], length = batch.offsets[s + 1] - first;
    float* own = run.lane_scratch<float>(lane, 2 * length);
    float* theirs = own + length;
    double loss = 0;
    for (int64_t c = 0; c < width; ++c) {
      for (int64_t t = 0; t < length; ++t) {
        own[t] = call.x[(first + t) * width + c];
        theirs[t] = teachers[(first + t) * width + c];
      }
      const double all = log_sum_exp(own, length, factor);
      const double all_theirs = log_sum_exp(theirs, length, factor);
      for (int64_t t = 0; t < length; ++t) {
        const double log_q = theirs[t] * factor - all_theirs, log_r = own[t] * factor - all;
        const double q = exp_any(log_q);
        loss += q * (log_q - log_r);
        call.dx[(first + t) * width + c] = static_cast<float>(slope * (exp_any(log_r) - q));
      }
    }
    losses[static_cast<size_t>(s)] = loss;
  });
  double sum = 0;
  for (const double one : losses) sum += one;
  return temperature * temperature * sum / divisor;
}

}  // namespace sinter
