// margin_mse (Hofstaetter et al. 2020): all anchors, all positives, then one block of rows per
// negative; the targets are margins [examples, negatives], by which a teacher scores the positive
// higher than the negative. The mean over examples and negatives of (anchor . positive - anchor .
// negative - margin)^2.
#include <algorithm>

#include "train/losses/margins.h"
#include "train/losses/parts.h"

namespace sinter {

double margin_mse_loss(const LossCall& call) {
  const MarginRows rows(call);
  const int64_t width = call.width;
  const auto row = [&](int64_t i) { return call.x + i * width; };
  const auto grad = [&](int64_t i) { return call.dx + i * width; };
  std::fill_n(call.dx, call.rows * width, 0.0f);
  std::vector<double> losses(call.term.values.size());
  const double factor = 2 * rows.share();
  call.run.parallel_ranges(
      rows.examples, 1, 16 * width * rows.negatives, [&](int64_t begin, int64_t end, int) {
        for (int64_t i = begin; i < end; ++i) {
          const int64_t positive = rows.positive(i);
          const double near = dot_product(row(i), row(positive), width);
          for (int64_t n = 0; n < rows.negatives; ++n) {
            const int64_t negative = rows.negative(i, n);
            const double apart =
                near - dot_product(row(i), row(negative), width) - rows.target(i, n);
            losses[rows.at(i, n)] = apart * apart;
            const float slope = static_cast<float>(factor * apart);
            for (int64_t k = 0; k < width; ++k) {
              grad(i)[k] += slope * (row(positive)[k] - row(negative)[k]);
              grad(positive)[k] += slope * row(i)[k];
              grad(negative)[k] -= slope * row(i)[k];
            }
          }
        }
      });
  return mean_of(losses);
}

}  // namespace sinter
