// distill_kl_div (Lin et al. 2020): the rows are all anchors, all positives, then one block of rows
// per negative; the targets are a teacher's scores of the positive and of each negative. With p =
// softmax(teacher / T) and q = softmax of the dot products with the anchor / T an example has the
// loss T^2 * sum of p (log p - log q); the mean over the examples.
#include <algorithm>

#include "train/losses/parts.h"

namespace sinter {

double distill_kl_div_loss(const LossCall& call) {
  const int64_t width = call.width, texts = static_cast<int64_t>(call.term.values.size());
  const int64_t examples = call.rows - texts;
  const int64_t candidates = examples == 0 ? 0 : texts / examples;
  const double temperature = call.term.settings.temperature;
  const auto row = [&](int64_t i) { return call.x + i * width; };
  const auto grad = [&](int64_t i) { return call.dx + i * width; };
  std::fill_n(call.dx, call.rows * width, 0.0f);
  std::vector<double> losses(static_cast<size_t>(examples));
  const double factor = examples == 0 ? 0 : call.term.weight / static_cast<double>(examples);
  call.run.parallel_ranges(
      examples, 1, 16 * width * candidates, [&](int64_t begin, int64_t end, int) {
        std::vector<double> scores(static_cast<size_t>(candidates));
        for (int64_t i = begin; i < end; ++i) {
          for (int64_t c = 0; c < candidates; ++c) {
            const float* other = row((1 + c) * examples + i);
            scores[static_cast<size_t>(c)] = dot_product(row(i), other, width);
          }
          const float* teacher = call.term.values.data() + i * candidates;
          const double own = log_sum_exp(scores.data(), candidates, 1 / temperature);
          const double theirs = log_sum_exp(teacher, candidates, 1 / temperature);
          double loss = 0;
          for (int64_t c = 0; c < candidates; ++c) {
            const double log_p = teacher[c] / temperature - theirs;
            const double log_q = scores[static_cast<size_t>(c)] / temperature - own;
            loss += exp_any(log_p) * (log_p - log_q);
            const double apart = exp_any(log_q) - exp_any(log_p);
            const float slope = static_cast<float>(factor * temperature * apart);
            const int64_t other = (1 + c) * examples + i;
            for (int64_t k = 0; k < width; ++k) {
              grad(i)[k] += slope * row(other)[k];
              grad(other)[k] += slope * row(i)[k];
            }
          }
          losses[static_cast<size_t>(i)] = temperature * temperature * loss;
        }
      });
  return mean_of(losses);
}

}  // namespace sinter
