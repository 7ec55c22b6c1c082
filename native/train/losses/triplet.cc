// triplet (Schroff et al. 2015): all anchors, all positives, then one block of rows per negative;
// the targets are margins [examples, negatives]. The mean over examples and negatives of
// max(d(anchor, positive) - d(anchor, negative) + margin, 0).
#include "train/losses/distances.h"
#include "train/losses/margins.h"

namespace sinter {

double triplet_loss(const LossCall& call) {
  const MarginRows rows(call);
  Distances distances(call);
  std::vector<double> losses(call.term.values.size());
  const double factor = rows.share();
  call.run.parallel_ranges(rows.examples, 1, 16 * call.width * rows.negatives,
                           [&](int64_t begin, int64_t end, int) {
                             for (int64_t i = begin; i < end; ++i) {
                               const double near = distances.between(i, rows.positive(i));
                               for (int64_t n = 0; n < rows.negatives; ++n) {
                                 const double far = distances.between(i, rows.negative(i, n));
                                 const double excess = near - far + rows.target(i, n);
                                 if (!(excess > 0)) continue;
                                 losses[rows.at(i, n)] = excess;
                                 distances.add_gradient(i, rows.positive(i), factor);
                                 distances.add_gradient(i, rows.negative(i, n), -factor);
                               }
                             }
                           });
  distances.finish();
  return mean_of(losses);
}

}  // namespace sinter
